"""Paired differences between two methods, and what their intervals cover.

Two runs of one stream answer the same test images after the same tasks, so they are compared image by image
and seed by seed. A difference has up to three sources of chance:

* **test images**: another test set would give other accuracies. Each image contributes its difference, and
  images are resampled within their task; see :mod:`clbench.results.statistics.bootstrap`;
* **training seeds**: another seed would give other weights. The differences of seeds are a sample, and
  Student's paired t gives its interval. It takes three; fewer say nothing of training noise;
* **task orders**: three or more orders are a sample of orders, likewise. Fewer are taken as they are.

Images are crossed with the others, so variances are added, ``V = V_images + s² / R``. ``V_images`` is the
bootstrap's variance, which for a mean is known without drawing; ``s²`` is known from few seeds only. The
interval is that of Cochran (Biometrics, 1964): ``± t' sqrt(V)``, where t' is the mean of Student's quantiles
of the parts (R - 1 degrees of freedom for R seeds, infinitely many for the images), weighted by their
variances. It is exact where one part is all, and else rather too wide: Satterthwaite's degrees of freedom,
which are more usual, tell equal methods apart in up to 8 of 100 cases with three seeds. What changes from
seed to seed image by image is counted in both parts, as in the pigeonhole bootstrap (Owen, Annals of Applied
Statistics, 2007), which errs on the same side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, inf, isnan, log, nan, sqrt
from typing import Literal

import numpy as np

from clbench.results.metrics import FloatArray
from clbench.results.statistics.bootstrap import RESAMPLES, bca_interval
from clbench.results.statistics.pairs import Pairs

__all__ = ["ENOUGH", "Bounds", "PairedDifference", "Source", "paired_difference"]

ENOUGH = 3
"""From so many seeds (orders) on, their spread says something of the noise of training (of the order)."""

Bounds = tuple[float, float]
Source = Literal["images", "seeds", "orders"]


@dataclass(frozen=True)
class PairedDifference:
    """How much higher a figure is for one method than for another, in points; NaN where it is not defined.

    Attributes:
        a, b: the figure of each, mean over the pairs.
        difference: ``a - b``.
        bounds: the interval of the difference; ``None`` where nothing is known of its chance.
        covers: the sources of chance that ``bounds`` covers.
        images: the interval over test images alone, of these trained models (BCa bootstrap).
        training: the interval over seeds (and orders) alone, on these test images (paired t).
        p: two-sided p-value that belongs to ``bounds``; ``None`` where they are a bootstrap's or missing.
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


@dataclass(frozen=True)
class _Part:
    """A variance that adds to that of the difference, and how many degrees of freedom it is known with."""

    variance: float
    freedom: float


def paired_difference(
    orders: Sequence[Pairs],
    weights: Sequence[FloatArray],
    *,
    level: float = 0.95,
    resamples: int | None = RESAMPLES,
    seed: int = 0,
) -> PairedDifference:
    """Return the paired difference of a figure that is a sum over the accuracy matrix, ``sum(w * A)``.

    Args:
        orders: the pairs of runs of each task order; each order counts the same.
        weights: w of each order, shape (T, T); see
            :func:`clbench.results.statistics.pairs.metric_weights`. NaN anywhere: the figure is not defined.
        level: probability that an interval covers the difference.
        resamples: test sets to draw; ``None``: no bootstrap, for those who need ``bounds`` of several seeds.
        seed: of the draws. Equal arguments give equal intervals.
    """
    count = sum(len(pairs) for pairs in orders)
    figures = [pairs.figures(w) for pairs, w in zip(orders, weights, strict=True)]
    a, b = (float(np.mean([each[side].mean() for each in figures])) for side in (0, 1))
    if isnan(a - b):
        return PairedDifference(nan, nan, nan, None, (), None, None, None, count)
    training, sources = _training(orders, [x - y for x, y in figures])
    strata = _strata(orders, weights)
    images = None
    if strata is not None and resamples:
        images = bca_interval(strata, level=level, resamples=resamples, seed=seed)
    if not training:
        covers: tuple[Source, ...] = ("images",) if images else ()
        return PairedDifference(a, b, a - b, images, covers, images, None, None, count)
    alone, p = _cochran(a - b, training, level)
    bounds = alone
    if strata is not None:
        chance = sum(float(x.var()) / len(x) for x in strata)
        bounds, p = _cochran(a - b, [*training, _Part(chance, inf)], level)
        sources = ("images", *sources)
    return PairedDifference(a, b, a - b, bounds, sources, images, alone, p, count)


def _training(
    orders: Sequence[Pairs], differences: Sequence[FloatArray]
) -> tuple[list[_Part], tuple[Source, ...]]:
    """What is known of the noise of training; ``differences`` are those of each order's pairs of runs."""
    if len(orders) >= ENOUGH:
        means = np.array([d.mean() for d in differences])
        return [_Part(float(means.var(ddof=1)) / len(means), len(means) - 1)], ("seeds", "orders")
    if all(pairs.seeds >= ENOUGH for pairs in orders):
        scale = len(orders) ** 2
        return [_Part(float(d.var(ddof=1)) / len(d) / scale, len(d) - 1) for d in differences], ("seeds",)
    return [], ()


def _strata(orders: Sequence[Pairs], weights: Sequence[FloatArray]) -> list[FloatArray] | None:
    """What each image adds to the difference, mean over orders, task by task; none without predictions."""
    if not all(pairs.has_images for pairs in orders):
        return None
    found: list[Mapping[str, FloatArray]] = [
        pairs.contributions(w) for pairs, w in zip(orders, weights, strict=True)
    ]
    return [np.mean([each[task] for each in found], axis=0) for task in orders[0].tasks]


def _cochran(mean: float, parts: Iterable[_Part], level: float) -> tuple[Bounds, float]:
    """The interval of a mean whose variance has several parts, and the p-value of its being 0."""
    known = [part for part in parts if part.variance > 0]
    total = sum(part.variance for part in known)
    if not known:
        return (mean, mean), float(mean == 0)
    freedom = np.array([part.freedom for part in known])
    weights = np.array([part.variance for part in known]) / total
    half = _quantile(1 - level, freedom, weights) * sqrt(total)
    return (mean - half, mean + half), _p_value(abs(mean) / sqrt(total), freedom, weights)


def _quantile(p: float, freedom: FloatArray, weights: FloatArray) -> float:
    """The value that t' exceeds with probability ``p``, counting both sides."""
    from scipy.special import stdtrit  # type: ignore[import-untyped]

    return -float(weights @ stdtrit(freedom, p / 2))


def _p_value(t: float, freedom: FloatArray, weights: FloatArray) -> float:
    """The probability with which t' exceeds ``t``, counting both sides; at least 1e-15."""
    low, high = log(1e-15), 0.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if _quantile(exp(middle), freedom, weights) > t else (low, middle)
    return exp(high)
