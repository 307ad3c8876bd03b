"""Ranks that noise does not decide: a rank is as wide as the tests of all pairs of methods leave it.

Pairs are compared by :func:`clbench.results.statistics.paired.paired_difference`, corrected for their number
by Benjamini and Hochberg's procedure (Journal of the Royal Statistical Society B, 1995). Of the pairs told
apart at most 5 in 100 are of equal methods; where all methods are equal, at most 5 in 100 tables are divided
at all (``tests/benchmarks/rank_errors.py``).

* **Rank interval**: a method may stand as high as just below those that are separable from it and better, and
  as low as just above those that are separable from it and worse.
* **Letters**: two methods share a letter exactly where they are not separable (Piepho, *An algorithm for a
  letter-based representation of all-pairwise comparisons*, Journal of Computational and Graphical Statistics,
  2004).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from clbench.results.metrics import FloatArray
from clbench.results.statistics.chance import ENOUGH
from clbench.results.statistics.paired import PairedDifference, paired_difference
from clbench.results.statistics.pairs import pair_up
from clbench.results.statistics.trials import Trial

__all__ = ["Ranking", "adjusted", "letters", "ranking", "ranking_over"]

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Ranking:
    """What the tests of all pairs of methods say; methods are numbered as they were given.

    Attributes:
        pairs: by the numbers of two methods, the smaller first, how much higher the first one's figure is.
            Methods with fewer than three seeds are in none.
        p: the p-values of ``pairs``, corrected for their number.
        ranks: best and worst rank of each method that the tests allow, from 1; ``None``: not tested.
        letters: of each method; empty: not tested.
        level: 1 - the share of equal methods among the pairs told apart.
    """

    pairs: dict[tuple[int, int], PairedDifference]
    p: dict[tuple[int, int], float]
    ranks: tuple[tuple[int, int] | None, ...]
    letters: tuple[str, ...]
    level: float

    def of(self, kept: Sequence[int]) -> Ranking:
        """Return what is said of the methods with the numbers ``kept``, numbered anew in this order."""
        anew = {old: new for new, old in enumerate(kept)}
        pairs = {(anew[i], anew[j]): x for (i, j), x in self.pairs.items() if i in anew and j in anew}
        p = {(anew[i], anew[j]): x for (i, j), x in self.p.items() if i in anew and j in anew}
        ranks, letters = tuple(self.ranks[n] for n in kept), tuple(self.letters[n] for n in kept)
        return Ranking(pairs, p, ranks, letters, self.level)

    def separable(self, a: int, b: int) -> bool:
        """Return whether two methods are told apart."""
        return self.p.get((min(a, b), max(a, b)), 1.0) < 1 - self.level


def ranking(
    methods: Sequence[Sequence[Trial]],
    weights: FloatArray,
    *,
    level: float = 0.95,
    higher_is_better: bool = True,
) -> Ranking:
    """Return what the tests of all pairs of ``methods`` with three seeds or more say of their ranks.

    Args:
        methods: the runs of each method; all of one order of tasks.
        weights: of the figure that ranks them, see :func:`clbench.results.statistics.pairs.metric_weights`.
        level: 1 - the share of equal methods among the pairs told apart.
        higher_is_better: whether the largest figure ranks first.

    Raises:
        RecordError: runs were not asked about the same images; see
            :func:`clbench.results.statistics.pairs.pair_up`.
    """
    return ranking_over(
        [[runs] for runs in methods], [weights], level=level, higher_is_better=higher_is_better
    )


def ranking_over(
    methods: Sequence[Sequence[Sequence[Trial]]],
    weights: Sequence[FloatArray],
    *,
    level: float = 0.95,
    higher_is_better: bool = True,
    trained: bool = False,
) -> Ranking:
    """Return what the tests of all pairs say over several orders of the tasks: see :func:`ranking`.

    Args:
        methods: of each method the runs in each order.
        weights: of each order.
        level, higher_is_better: as for :func:`ranking`.
        trained: test methods with fewer seeds, too: over test images alone, which is a test of these trained
            models and not of the methods.
    """
    tested = [
        i
        for i, orders in enumerate(methods)
        if trained or len(orders) >= ENOUGH or all(len(runs) >= ENOUGH for runs in orders)
    ]
    pairs = {
        (i, j): paired_difference(
            [pair_up(a, b) for a, b in zip(methods[i], methods[j], strict=True)], weights
        )
        for i, j in combinations(tested, 2)
    }
    # Where too few seeds are in common nothing is claimed.
    raw = [
        each.p if each.p is not None and (trained or "seeds" in each.covers) else 1.0
        for each in pairs.values()
    ]
    p = dict(zip(pairs, adjusted(raw), strict=True))
    sign = 1 if higher_is_better else -1
    better = np.zeros((len(methods), len(methods)), dtype=bool)
    for (i, j), value in p.items():
        if value < 1 - level:
            high, low = (i, j) if sign * pairs[i, j].difference > 0 else (j, i)
            better[high, low] = True
    ranks = tuple(
        (1 + int(better[:, i].sum()), len(tested) - int(better[i].sum())) if i in tested else None
        for i in range(len(methods))
    )
    told = letters((better | better.T)[np.ix_(tested, tested)])
    named = dict(zip(tested, told, strict=True))
    return Ranking(pairs, p, ranks, tuple(named.get(i, "") for i in range(len(methods))), level)


def adjusted(p_values: Sequence[float]) -> list[float]:
    """Return the p-values adjusted by Benjamini and Hochberg's procedure, in the order given."""
    total = len(p_values)
    order = np.argsort(p_values, kind="stable")[::-1]
    scaled = [min(1.0, p_values[place] * total / (total - n)) for n, place in enumerate(order)]
    result = np.empty(total)
    result[order] = np.minimum.accumulate(scaled) if scaled else []
    return [float(p) for p in result]


def letters(separable: BoolArray) -> tuple[str, ...]:
    """Return letters for each of k methods, whose pairs are separable or not: shape (k, k).

    Two methods share a letter exactly where they are not separable; the first method has the first letters.
    """
    count = len(separable)
    columns: list[frozenset[int]] = [frozenset(range(count))] if count else []
    for i, j in combinations(range(count), 2):
        if not separable[i, j]:
            continue
        split = []
        for column in columns:
            split += [column - {j}, column - {i}] if {i, j} <= column else [column]
        columns = [c for c in dict.fromkeys(split) if not any(c < other for other in split)]
    columns.sort(key=lambda column: sorted(column))
    return tuple("".join(_letter(n) for n, column in enumerate(columns) if i in column) for i in range(count))


def _letter(number: int) -> str:
    """a, b, …, z, then A, …, Z, then a', …: one more stroke for each round."""
    alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    turn, place = divmod(number, len(alphabet))
    return alphabet[place] + "'" * turn
