"""Bootstrap over test images: the figure of many test sets that might have been drawn, task by task.

A figure here is a sum over tasks of a mean over the task's images, which Transfer, Average, Last and
Forgetting are: what an image contributes to it is a weighted count of the rows in which it is answered right.
All rows of an image go together, and images are drawn within their task, since each task has a test set of
its own.

Drawing n images with replacement and averaging is, exactly, drawing how often each *distinct* value occurs
from a multinomial distribution. An image has few distinct values (at most 2T + 1 for a difference of two
runs), so that 10,000 test sets cost the same for 300 images as for 25,000.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clbench.results.metrics import FloatArray

__all__ = ["RESAMPLES", "bca_interval", "resampled_means"]

RESAMPLES = 10_000

_AT_ONCE = 4_000_000  # counts in memory


def resampled_means(values: FloatArray, *, resamples: int, rng: np.random.Generator) -> FloatArray:
    """Return the means of ``resamples`` samples of ``len(values)`` values, drawn with replacement.

    Shape (resamples,), in the unit of ``values``, which have shape (n,).
    """
    # What is equal but for rounding is one value.
    distinct, counts = np.unique(np.round(values, 9), return_counts=True)
    share = counts / len(values)
    means = np.empty(resamples)
    step = max(1, _AT_ONCE // len(distinct))
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        means[start : start + size] = rng.multinomial(len(values), share, size=size) @ distinct
    return means / len(values)


def bca_interval(
    strata: Sequence[FloatArray], *, level: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """Return the bias-corrected and accelerated bootstrap interval of the sum of the strata's means.

    Efron, *Better bootstrap confidence intervals*, JASA 1987; for several samples as in Efron and Tibshirani,
    *An Introduction to the Bootstrap*, 1993, chapter 14. For a mean, the acceleration by jackknife has the
    closed form used here. Equal arguments give equal intervals.

    Args:
        strata: the images' contributions to the figure, one array of shape (n_j,) per task.
        level: probability that the interval covers the figure of the population.
        resamples: how many test sets are drawn.
        seed: of the draws.
    """
    from scipy.special import ndtr, ndtri  # type: ignore[import-untyped]

    observed = float(sum(x.mean() for x in strata))
    if observed < 0:  # so that turning the sign of a difference turns the interval, draw for draw
        low, high = bca_interval([-x for x in strata], level=level, resamples=resamples, seed=seed)
        return -high, -low
    rng = np.random.default_rng(seed)
    drawn = np.zeros(resamples)
    for x in strata:
        drawn += resampled_means(x, resamples=resamples, rng=rng)
    centred = [(x - x.mean(), len(x)) for x in strata]
    spread = sum(float((u**2).sum()) / n**2 for u, n in centred)
    if spread <= 1e-18 * max(1.0, observed**2):  # every image contributes alike
        return observed, observed
    acceleration = sum(float((u**3).sum()) / n**3 for u, n in centred) / (6 * spread**1.5)
    # Draws equal to the observed figure count half: accuracies are discrete.
    tolerance = 1e-9 * max(1.0, abs(observed))
    below = np.mean(drawn < observed - tolerance) + 0.5 * np.mean(np.abs(drawn - observed) <= tolerance)
    bias = ndtri(np.clip(below, 0.5 / resamples, 1 - 0.5 / resamples))
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    z = bias + ndtri(tails)
    low, high = np.quantile(drawn, ndtr(bias + z / (1 - acceleration * z)))
    return float(low), float(high)
