"""Rank groups: methods in order, divided only where a difference is more than chance.

The best method leads group 1. Going down the order, the first method that is separable from the leader begins
the next group and leads it, and so on: a group is those not separable from its best, and group numbers never
fall. Each leader is compared with all below it, by the paired difference of
:func:`clbench.results.statistics.paired.paired_difference`, with Holm's correction (Scandinavian Journal of
Statistics, 1979) for the number of these comparisons.

As with any such division, two of one group may be separable from each other, and neighbours across a border
need not be: a group says how a method stands to the group's best, and no more. The correction is for a leader
that is given; that it was the best of those observed is chance, too: of tables of equal methods, somewhat
more than 5 in 100 are divided (``tests/benchmarks/paired_errors.py``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clbench.results.metrics import FloatArray
from clbench.results.statistics.paired import ENOUGH, paired_difference
from clbench.results.statistics.pairs import Pairs, pair_up
from clbench.results.statistics.trials import Trial

__all__ = ["holm", "rank_groups"]


def rank_groups(
    methods: Sequence[Sequence[Trial]], weights: FloatArray, *, level: float = 0.95
) -> list[int | None]:
    """Return the group of each method, from 1; ``None`` for one with fewer than three seeds.

    Args:
        methods: the runs of each method, best method first; all of one order of tasks.
        weights: of the figure that ranks them, see :func:`clbench.results.statistics.pairs.metric_weights`.
        level: 1 - the chance of a false separation.

    Raises:
        RecordError: runs were not asked about the same images; see
            :func:`clbench.results.statistics.pairs.pair_up`.
    """
    groups: list[int | None] = [None] * len(methods)
    rest = [i for i, runs in enumerate(methods) if len(runs) >= ENOUGH]
    number = 0
    while rest:
        number += 1
        leader, *below = rest
        found = holm([_p(pair_up(methods[leader], methods[i]), weights) for i in below])
        size = next((k for k, p in enumerate(found) if p < 1 - level), len(below))
        for i in rest[: 1 + size]:
            groups[i] = number
        rest = rest[1 + size :]
    return groups


def _p(pairs: Pairs, weights: FloatArray) -> float:
    """The p-value; 1 where seeds in common are too few to tell."""
    found = paired_difference([pairs], [weights], resamples=None).p
    return 1.0 if found is None else found


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values adjusted by Holm's step-down procedure, in the order given."""
    order = np.argsort(p_values)
    scaled = [min(1.0, (len(p_values) - k) * p_values[i]) for k, i in enumerate(order)]
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.maximum.accumulate(scaled) if len(scaled) else []
    return [float(p) for p in adjusted]
