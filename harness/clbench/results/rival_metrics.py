"""Other definitions of Transfer, Average, Last and Forgetting that papers and toolboxes use.

``clbench.definitions.RIVALS`` has each one's formula and source. All take ``A`` as
:mod:`clbench.results.metrics` does and return a figure in its unit, unrounded; ``test_images`` is how many
test images each task has, shape (T,). They raise :class:`~clbench.results.metrics.MatrixError` for what is no
square matrix of two or more tasks, and where an entry is missing that the formula needs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from clbench.results.metrics import FloatArray, Matrix, MatrixError, forgetting, require_finite, square_matrix

__all__ = [
    "average_seen",
    "average_seen_images",
    "average_seen_pooled",
    "bwt",
    "bwt_pooled",
    "forgetting_max",
    "last_images",
    "preserve",
    "transfer_pooled",
    "transfer_rows",
]


def transfer_rows(A: Matrix) -> float:
    """Return the mean over rows of what they say of tasks not yet learned; the last row says nothing."""
    a, upper = _part(A, "Transfer (row means)", "above the diagonal", k=1)
    return float(np.mean([row[mask].mean() for row, mask in zip(a[:-1], upper[:-1], strict=True)]))


def transfer_pooled(A: Matrix) -> float:
    """Return the mean of all entries above the diagonal."""
    a, upper = _part(A, "Transfer (pooled)", "above the diagonal", k=1)
    return float(a[upper].mean())


def average_seen(A: Matrix) -> float:
    """Return the mean over rows of their mean over the tasks learned so far."""
    a, lower = _part(A, "Average (seen tasks)", "on or below the diagonal", k=0, below=True)
    return float(np.mean([row[mask].mean() for row, mask in zip(a, lower, strict=True)]))


def average_seen_images(A: Matrix, *, test_images: Sequence[int]) -> float:
    """Return the mean over rows of the accuracy on all images of the tasks learned so far."""
    a, lower = _part(A, "Average (seen images)", "on or below the diagonal", k=0, below=True)
    n = _images(test_images, len(a))
    return float(
        np.mean([np.average(row[mask], weights=n[mask]) for row, mask in zip(a, lower, strict=True)])
    )


def average_seen_pooled(A: Matrix) -> float:
    """Return the mean of all entries on and below the diagonal."""
    a, lower = _part(A, "Average (seen, pooled)", "on or below the diagonal", k=0, below=True)
    return float(a[lower].mean())


def last_images(A: Matrix, *, test_images: Sequence[int]) -> float:
    """Return the accuracy on the images of all tasks after the last one."""
    a = square_matrix(A)
    needed = np.zeros(a.shape, dtype=bool)
    needed[-1] = True
    require_finite(a, needed, "Last (images)", "in the last row")
    return float(np.average(a[-1], weights=_images(test_images, len(a))))


def bwt(A: Matrix) -> float:
    """Return GEM's backward transfer, which is Forgetting: the last task's change is 0 in both."""
    return forgetting(A)


def bwt_pooled(A: Matrix) -> float:
    """Return the mean over i > j of ``A[i, j] - A[j, j]``."""
    a, _ = _part(A, "BWT (pooled)", "on or below the diagonal", k=0, below=True)
    return float((a - np.diagonal(a))[np.tril_indices(len(a), k=-1)].mean())


def forgetting_max(A: Matrix) -> float:
    """Return the mean over tasks but the last of their best accuracy since learned minus the final one.

    Rows before a task was learned do not count: the definition knows no accuracy on unlearned tasks. Nor
    does the last row; a task that ends at its best has a negative forgetting.
    """
    a, lower = _part(A, "Forgetting (max)", "on or below the diagonal", k=0, below=True)
    best = np.where(lower, a, -np.inf)[:-1, :-1].max(axis=0)
    return float((best - a[-1, :-1]).mean())


def preserve(A: Matrix) -> float:
    """Return the mean of all entries below the diagonal."""
    a, lower = _part(A, "Preserve (LEBA)", "below the diagonal", k=-1, below=True)
    return float(a[lower].mean())


def _part(
    A: Matrix, metric: str, where: str, *, k: int, below: bool = False
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """The matrix and the mask of the entries needed: from diagonal ``k`` up, or down if ``below``."""
    a = square_matrix(A)
    mask = (np.tril if below else np.triu)(np.ones(a.shape, dtype=bool), k)
    require_finite(a, mask, metric, where)
    return a, mask


def _images(counts: Sequence[int], tasks: int) -> FloatArray:
    n = np.asarray(counts, dtype=np.float64)
    if n.shape != (tasks,) or not (n > 0).all():
        raise MatrixError(
            f"test_images must be {tasks} positive numbers, one for each task, not {list(counts)}",
            why="each task weighs as much as it has test images",
        )
    return n
