"""A figure of one method, with the interval that its runs and their test images allow."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

import numpy as np

from clbench.results.metrics import FloatArray
from clbench.results.statistics.chance import Sampled, chance_of, half_width
from clbench.results.statistics.intervals import Interval
from clbench.results.statistics.trials import Trial, groups_of

__all__ = ["deterministic", "estimate"]


def estimate(
    orders: Sequence[Sequence[Trial]], weights: Sequence[FloatArray], *, level: float = 0.95
) -> Interval | None:
    """Return the mean of a figure that is a sum over the accuracy matrix, ``sum(w * A)``, and its interval.

    The interval is over test images where predictions are there, over seeds where each order has three, over
    orders where there are three; see :mod:`clbench.results.statistics.chance`. It is that of
    :func:`clbench.results.statistics.paired.paired_difference`, of one method. ``None``: the figure is not
    defined, or an accuracy that it needs is missing.

    Args:
        orders: the runs in each task order; each order counts the same.
        weights: w of each order, shape (T, T); see
            :func:`clbench.results.statistics.pairs.metric_weights`. NaN anywhere: the figure is not defined.
        level: probability that the interval covers the figure.
    """
    sampled = [_sampled(runs, w) for runs, w in zip(orders, weights, strict=True)]
    mean = float(np.mean([order.values.mean() for order in sampled]))
    if isnan(mean):
        return None
    count = sum(len(runs) for runs in orders)
    parts, covers = chance_of(sampled)
    if not covers or (covers == ("seeds",) and all(deterministic(runs) for runs in orders)):
        # Runs that are alike to the bit show no chance; without predictions nothing is known of the images'.
        return Interval(mean, None, count)
    return Interval(mean, half_width(parts.values(), level), count, covers)


def deterministic(runs: Sequence[Trial]) -> bool:
    """Whether several seeds gave the same accuracies to the last bit."""
    seeds = {trial.seed for trial in runs}
    return len(seeds) > 1 and all(np.array_equal(trial.matrix, runs[0].matrix) for trial in runs[1:])


def _sampled(runs: Sequence[Trial], weights: FloatArray) -> Sampled:
    needed = weights != 0  # an entry that is not needed may be missing
    values = np.array([(weights[needed] * trial.matrix[needed]).sum() for trial in runs])
    seeds = 0 if all(trial.seed is None for trial in runs) else len(runs)
    shares = None
    if not np.isnan(values).any() and all(trial.right is not None for trial in runs):
        shares = {
            task: np.stack([trial.shares(weights, j) for trial in runs])
            for j, task in enumerate(runs[0].tasks)
        }
    return Sampled(values, seeds, shares, groups_of(runs))
