"""Paired differences between two methods, and what their intervals cover.

Two runs of one stream answer the same test images after the same tasks, so they are compared image by image
and seed by seed; what the interval of the difference is made of says
:mod:`clbench.results.statistics.chance`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isnan, nan

import numpy as np

from clbench.results.metrics import FloatArray
from clbench.results.statistics.chance import Part, chance_of, half_width, images_part, p_value
from clbench.results.statistics.intervals import Source
from clbench.results.statistics.pairs import Pairs

__all__ = ["Bounds", "PairedDifference", "paired_difference"]

Bounds = tuple[float, float]


@dataclass(frozen=True)
class PairedDifference:
    """How much higher a figure is for one method than for another, in points; NaN where it is not defined.

    Attributes:
        a, b: the figure of each, mean over the pairs.
        difference: ``a - b``.
        bounds: the interval of the difference; ``None`` where nothing is known of its chance.
        covers: the sources of chance that ``bounds`` covers.
        images: the interval over test images alone, of these trained models.
        training: the interval over seeds (and orders) alone, on these test images (paired t).
        p: two-sided p-value that belongs to ``bounds``; ``None`` where they are missing.
        pairs: how many pairs of runs were compared.
    """

    a: float
    b: float
    difference: float
    bounds: Bounds | None
    covers: tuple[Source, ...]
    images: Bounds | None
    training: Bounds | None
    p: float | None
    pairs: int

    @property
    def separable(self) -> bool:
        """Whether ``bounds`` leaves 0 out. Without an interval nothing is separable."""
        return self.bounds is not None and (self.bounds[0] > 0 or self.bounds[1] < 0)


def paired_difference(
    orders: Sequence[Pairs], weights: Sequence[FloatArray], *, level: float = 0.95
) -> PairedDifference:
    """Return the paired difference of a figure that is a sum over the accuracy matrix, ``sum(w * A)``.

    Args:
        orders: the pairs of runs of each task order; each order counts the same.
        weights: w of each order, shape (T, T); see
            :func:`clbench.results.statistics.pairs.metric_weights`. NaN anywhere: the figure is not defined.
        level: probability that an interval covers the difference.
    """
    count = sum(len(pairs) for pairs in orders)
    figures = [pairs.figures(w) for pairs, w in zip(orders, weights, strict=True)]
    a, b = (float(np.mean([each[side].mean() for each in figures])) for side in (0, 1))
    if isnan(a - b):
        return PairedDifference(nan, nan, nan, None, (), None, None, None, count)
    sampled = [pairs.sampled(w) for pairs, w in zip(orders, weights, strict=True)]
    parts, covers = chance_of(sampled)
    known = {source: _around(a - b, [part], level) for source, part in parts.items()}
    if "images" in known:  # of these trained models: nothing is taken off for what training has of it
        known["images"] = _around(a - b, [images_part(sampled)], level)
    return PairedDifference(
        a,
        b,
        a - b,
        _around(a - b, parts.values(), level) if covers else None,
        covers,
        known.get("images"),
        known.get("seeds"),
        p_value(a - b, parts.values()) if covers else None,
        count,
    )


def _around(mean: float, parts: Iterable[Part], level: float) -> Bounds:
    half = half_width(parts, level)
    return mean - half, mean + half
