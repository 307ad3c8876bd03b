"""Runs of two methods in pairs, and what each test image adds to the difference between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from clbench.errors import RecordError
from clbench.results.metrics import FloatArray, Matrix, MatrixError
from clbench.results.statistics.chance import Sampled
from clbench.results.statistics.trials import Trial, check_same_images, groups_of

__all__ = ["Pairs", "column_weights", "metric_weights", "pair_up"]


@dataclass(frozen=True)
class Pairs:
    """Runs of two methods, in pairs of one seed each; all learned the tasks in one order.

    Attributes:
        a, b: the runs, as many of each.
        by_seed: whether a pair shares its seed; if not, the two have no seed in common.
        unpaired: seeds that are left out: only one of them has them, or more of its own than the other.
    """

    a: tuple[Trial, ...]
    b: tuple[Trial, ...]
    by_seed: bool = True
    unpaired: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.a)

    @property
    def tasks(self) -> tuple[str, ...]:
        """Task keys in the order in which they were learned."""
        return self.a[0].tasks

    @property
    def has_images(self) -> bool:
        """Whether all predictions are there."""
        return all(trial.right is not None for trial in (*self.a, *self.b))

    @property
    def seeds(self) -> int:
        """How many pairs tell of training noise: none where neither method depends on a seed."""
        return 0 if all(trial.seed is None for trial in (*self.a, *self.b)) else len(self)

    def figures(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return ``sum(weights * A)`` of each run: shape (pairs,) for each method."""
        needed = weights != 0  # an entry that is not needed may be missing
        a, b = (
            np.array([(weights[needed] * trial.matrix[needed]).sum() for trial in runs])
            for runs in (self.a, self.b)
        )
        return a, b

    def sampled(self, weights: FloatArray) -> Sampled:
        """Return the difference of ``sum(weights * A)`` of each pair, and what each image adds to it."""
        a, b = self.figures(weights)
        shares = None
        if self.has_images and not np.isnan(a - b).any():
            shares = {
                task: np.stack(
                    [self._share(one, other, weights, j) for one, other in zip(self.a, self.b, strict=True)]
                )
                for j, task in enumerate(self.tasks)
            }
        return Sampled(a - b, self.seeds, shares, groups_of((*self.a, *self.b)))

    @staticmethod
    def _share(one: Trial, other: Trial, weights: FloatArray, j: int) -> FloatArray:
        assert one.right is not None, "ask has_images first"
        assert other.right is not None, "ask has_images first"
        # Whole numbers, so that equal answers are exactly no difference.
        share: FloatArray = 100 * (weights[:, j] @ (one.right[j].astype(np.int8) - other.right[j]))
        return share


def pair_up(a: Sequence[Trial], b: Sequence[Trial]) -> Pairs:
    """Pair the runs of two methods by seed; a run that depends on no seed is paired with each of the other's.

    Without a common seed they are paired in the order given.

    Raises:
        RecordError: one of them has no run, tasks or their order differ, or the test images do.
    """
    if not a or not b:
        raise RecordError("there is nothing to compare", why="one of the two has no finished run")
    for trial in (*a[1:], *b):
        check_same_images(a[0], trial)
        if trial.tasks != a[0].tasks:
            raise RecordError(
                "the runs cannot be compared",
                why=f"they learned the tasks in different orders: {', '.join(a[0].tasks[:3])}, … "
                f"and {', '.join(trial.tasks[:3])}, …",
                fix="choose one order for both: --orders NAME",
            )
    if len(a) == 1 and a[0].seed is None:
        return Pairs(tuple(a) * len(b), tuple(b))
    if len(b) == 1 and b[0].seed is None:
        return Pairs(tuple(a), tuple(b) * len(a))
    ours, theirs = ({trial.seed: trial for trial in trials} for trials in (a, b))
    common = [seed for seed in ours if seed in theirs]
    if common:
        apart = tuple(sorted(seed for seed in {*ours, *theirs} - {*common} if seed is not None))
        return Pairs(tuple(ours[s] for s in common), tuple(theirs[s] for s in common), unpaired=apart)
    count = min(len(a), len(b))
    rest = tuple(trial.seed for trial in (*a[count:], *b[count:]) if trial.seed is not None)
    return Pairs(tuple(a)[:count], tuple(b)[:count], by_seed=False, unpaired=rest)


def metric_weights(metric: Callable[[Matrix], float], tasks: int) -> FloatArray | None:
    """Return the weights w, shape (T, T), with ``metric(A) = sum(w * A)``; ``None`` if there are none.

    Transfer, Average, Last, Forgetting and their columns are such sums, and so are most other definitions.
    A figure that is NaN for every matrix has NaN everywhere.
    """
    units = np.eye(tasks * tasks).reshape(-1, tasks, tasks)
    probes = np.random.default_rng(0).uniform(0, 100, (2, tasks, tasks))
    try:
        weights = np.array([float(metric(unit)) for unit in units]).reshape(tasks, tasks)
        fits = all(np.isclose(metric(A), (weights * A).sum(), equal_nan=True) for A in probes)
    except MatrixError:
        return None
    return weights if fits else None


def column_weights(per_task: Callable[[Matrix], FloatArray], tasks: int) -> FloatArray:
    """Return the weights of each task's figure, shape (task, T, T), where ``per_task`` gives all at once.

    A task for which the figure is not defined, as Transfer of the first, has NaN.
    """
    units = np.eye(tasks * tasks).reshape(-1, tasks, tasks)
    columns = np.array([per_task(unit) for unit in units])
    return columns.T.reshape(tasks, tasks, tasks)
