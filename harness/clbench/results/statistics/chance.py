"""The chance of a figure: how much test images, training seeds and task orders move it.

A figure is a sum over tasks of the mean over the task's images of what each image adds to it, mean over runs.
It has up to three sources of chance:

* **test images**: another test set would give other accuracies. Images are drawn within their task, all
  answers to an image together. Where a stream names groups of images (one design in several renderings, one
  writer), whole groups are drawn: their images are alike, and there are fewer of them than it seems;
* **training seeds**: another seed would give other weights. It takes three; fewer say nothing of training;
* **task orders**: three or more are a sample of orders, whose spread holds that of the seeds. Fewer are taken
  as they are.

Images are crossed with runs, so variances are added: ``V = V_images + s² / R - V_both``. What changes from
run to run image by image is in the first two parts and counted twice; ``V_both`` is that, from the residuals
of the table of images and runs (two-way random effects, as in Searle, Casella and McCulloch, *Variance
Components*, 1992). The seeds of several orders are one part, and so are the images of several tasks, with
Satterthwaite's degrees of freedom. The interval is Cochran's (Biometrics, 1964): ``± t' sqrt(V)``, where t'
is the mean of Student's quantiles of the parts, weighted by variance. It is exact where one part is all, and
else rather too wide; Satterthwaite's degrees of freedom for seeds and images together, which are more usual,
leave the true value out in up to 8 of 100 cases with three seeds (``tests/benchmarks/paired_errors.py``).
How often printed intervals hold the truth, ``tests/benchmarks/coverage.py`` prints.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, inf, log, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from clbench.results.metrics import FloatArray
from clbench.results.statistics.intervals import Source

__all__ = ["ENOUGH", "Part", "Sampled", "chance_of", "half_width", "images_part", "p_value"]

ENOUGH = 3
"""From so many seeds (orders) on, their spread says something of the noise of training (of the order)."""

_NOTHING = 1e-20
"""Variances below are rounding's."""


@dataclass(frozen=True)
class Sampled:
    """A figure of each run of one task order, and what each test image adds to it.

    Attributes:
        values: the figure of each run, shape (R,).
        seeds: how many of the runs tell of training noise; 0 where nothing depends on a seed.
        shares: by task, in points, shape (R, n_j): over tasks, the sum of their means over images is
            ``values``. ``None`` where predictions are missing.
        groups: by task, the number of each image's group, shape (n_j,); tasks that have none are missing.
    """

    values: FloatArray
    seeds: int
    shares: Mapping[str, FloatArray] | None
    groups: Mapping[str, npt.NDArray[np.integer[Any]]]


@dataclass(frozen=True)
class Part:
    """A variance that adds to that of the figure, and how many degrees of freedom it is known with."""

    variance: float
    freedom: float


def chance_of(orders: Sequence[Sampled]) -> tuple[dict[Source, Part], tuple[Source, ...]]:
    """Return what is known of the chance of a figure's mean over ``orders``, by source, and what it is of.

    Seeds and orders are one part, under ``seeds``.
    """
    training, covers = _training(orders)
    parts: dict[Source, Part] = {"seeds": training} if training else {}
    if all(order.shares is not None for order in orders):
        parts["images"] = images_part(orders, covers)
        covers = ("images", *covers)
    return parts, covers


def _training(orders: Sequence[Sampled]) -> tuple[Part | None, tuple[Source, ...]]:
    if len(orders) >= ENOUGH:
        means = np.array([order.values.mean() for order in orders])
        return _of_mean(means), ("seeds", "orders")
    if all(order.seeds >= ENOUGH for order in orders):
        return _together([_of_mean(order.values) for order in orders], len(orders)), ("seeds",)
    return None, ()


def _of_mean(values: FloatArray) -> Part:
    spread = float(values.var(ddof=1)) if (values != values[0]).any() else 0.0
    return Part(spread / len(values), len(values) - 1)


def _together(parts: Sequence[Part], count: int = 1) -> Part:
    """Return parts of one kind, of a sum or a mean over ``count``, as one, as Satterthwaite has it."""
    total = sum(part.variance for part in parts)
    if total <= _NOTHING:
        return Part(0.0, inf)
    freedom = total**2 / sum(part.variance**2 / part.freedom for part in parts)
    return Part(total / count**2, freedom)


def images_part(orders: Sequence[Sampled], beside: tuple[Source, ...] = ()) -> Part:
    """Return the part of the test images, less what a part of training ``beside`` it has of it already."""
    found = []
    first = orders[0]
    assert first.shares is not None
    for task in first.shares:
        stacks = []
        for order in orders:
            assert order.shares is not None
            stacks.append(_by_group(order.shares[task], order.groups.get(task)))
        count = stacks[0].shape[1]
        if count < 2:
            continue
        means = np.array([stack.mean(axis=0) for stack in stacks])
        variance = float(means.mean(axis=0).var(ddof=1)) / count
        if "orders" in beside:
            variance -= _both(means)
        elif "seeds" in beside:
            variance -= sum(_both(stack) for stack in stacks) / len(stacks) ** 2
        found.append(Part(variance, count - 1))
    return _together(found)


def _both(stack: FloatArray) -> float:
    """The variance of the mean of a table of runs and images that is of both at once."""
    runs, images = stack.shape
    rest = stack - stack.mean(axis=0) - stack.mean(axis=1, keepdims=True) + stack.mean()
    return float((rest**2).sum()) / (runs - 1) / (images - 1) / runs / images if runs > 1 else 0.0


def _by_group(stack: FloatArray, groups: npt.NDArray[np.integer[Any]] | None) -> FloatArray:
    """What each group of images adds, shape (R, groups): its mean is that of the images.

    Of groups of unequal size the mean over images is a ratio; what a group adds to it is linearised, as in
    Cochran, *Sampling Techniques*, 1977, section 9A.
    """
    if groups is None:
        return stack
    _, numbers = np.unique(groups, return_inverse=True)
    mean = stack.mean(axis=1, keepdims=True)
    count = int(numbers.max()) + 1
    sums = np.array([np.bincount(numbers, weights=row, minlength=count) for row in stack - mean])
    return np.asarray(mean + sums * count / stack.shape[1])


def half_width(parts: Iterable[Part], level: float = 0.95) -> float:
    """Return half the width of Cochran's interval of a mean whose variance has these parts."""
    freedom, weights, total = _weighted(parts)
    return _quantile(1 - level, freedom, weights) * sqrt(total) if total else 0.0


def p_value(mean: float, parts: Iterable[Part]) -> float:
    """Return the two-sided p-value of the mean's being 0, that of :func:`half_width`; at least 1e-15."""
    freedom, weights, total = _weighted(parts)
    if not total:
        return float(mean == 0)
    t = abs(mean) / sqrt(total)
    low, high = log(1e-15), 0.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if _quantile(exp(middle), freedom, weights) > t else (low, middle)
    return exp(high)


def _weighted(parts: Iterable[Part]) -> tuple[FloatArray, FloatArray, float]:
    known = [part for part in parts if part.variance > _NOTHING]
    total = sum(part.variance for part in known)
    freedom = np.array([part.freedom for part in known])
    return freedom, np.array([part.variance for part in known]) / (total or 1.0), total


def _quantile(p: float, freedom: FloatArray, weights: FloatArray) -> float:
    """The value that t' exceeds with probability ``p``, counting both sides."""
    from scipy.special import stdtrit  # type: ignore[import-untyped]

    return -float(weights @ stdtrit(freedom, p / 2))
