"""Figures of a T×T accuracy matrix: Transfer, Average, Last and Forgetting, and their columns.

``A[i, j]`` is the accuracy on task ``j`` after learning task ``i`` (0-based): rows = after a task, columns
= tasks. Any unit; results are in the same unit and unrounded. Any array-like is accepted: nested lists, a
numpy array, a pandas DataFrame, a torch tensor on any device.

Transfer, Average and Last are those of ZSCL (Zheng et al., ICCV 2023, section 4.1): first the mean of each
column, then the mean of the columns. Reading Transfer as a mean of rows, or as one pooled mean of the upper
triangle, gives other numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Real
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from clbench.errors import ClbenchError

__all__ = [
    "METRICS",
    "PER_TASK",
    "Matrix",
    "MatrixError",
    "average",
    "average_per_task",
    "compute_all",
    "forgetting",
    "forgetting_per_task",
    "last",
    "last_per_task",
    "transfer",
    "transfer_per_task",
]

Matrix: TypeAlias = Any
"""Anything ``numpy.asarray`` understands, of shape (T, T) with T ≥ 2."""

FloatArray: TypeAlias = npt.NDArray[np.float64]


class MatrixError(ClbenchError, ValueError):
    """An accuracy matrix has the wrong shape, or lacks a value that the metric needs."""


def transfer_per_task(A: Matrix) -> FloatArray:
    """Return how well each task is answered before it is learned: shape (T,), in the unit of ``A``.

    Element ``j`` is the mean of ``A[0..j-1, j]``. The first task is learned first, so element 0 is NaN.

    Raises:
        MatrixError: not a square matrix of numbers, smaller than 2×2, or NaN above the diagonal.
    """
    a = square_matrix(A)
    index = np.arange(len(a))
    needed = index[:, None] < index
    require_finite(a, needed, "Transfer", "above the diagonal")
    # Element (j-1, j) of the running sums of the columns is A[0, j] + … + A[j-1, j].
    before = np.diagonal(np.cumsum(a, axis=0), offset=1) / np.arange(1, len(a))
    return np.concatenate([[np.nan], before])


def average_per_task(A: Matrix) -> FloatArray:
    """Return the mean of each column: shape (T,), in the unit of ``A``.

    Raises:
        MatrixError: not a square matrix of numbers, smaller than 2×2, or NaN anywhere.
    """
    a = square_matrix(A)
    require_finite(a, np.ones(a.shape, dtype=bool), "Average", "anywhere")
    mean: FloatArray = a.mean(axis=0)
    return mean


def last_per_task(A: Matrix) -> FloatArray:
    """Return the last row, the accuracy after all tasks are learned: shape (T,), in the unit of ``A``.

    Raises:
        MatrixError: not a square matrix of numbers, smaller than 2×2, or NaN in the last row.
    """
    a = square_matrix(A)
    needed = np.zeros(a.shape, dtype=bool)
    needed[-1] = True
    require_finite(a, needed, "Last", "in the last row")
    row: FloatArray = a[-1].copy()
    return row


def forgetting_per_task(A: Matrix) -> FloatArray:
    """Return ``A[T-1, j] - A[j, j]``: shape (T,). Negative = forgotten; the last element is always 0.

    Raises:
        MatrixError: not a square matrix of numbers, smaller than 2×2, or NaN on the diagonal or in the
            last row.
    """
    a = square_matrix(A)
    needed = np.eye(len(a), dtype=bool)
    needed[-1] = True
    require_finite(a, needed, "Forgetting", "on the diagonal or in the last row")
    change: FloatArray = a[-1] - np.diagonal(a)
    return change


def transfer(A: Matrix) -> float:
    """Return Transfer: the mean of :func:`transfer_per_task` over tasks 1 to T-1.

    Raises:
        MatrixError: see :func:`transfer_per_task`.
    """
    return float(transfer_per_task(A)[1:].mean())


def average(A: Matrix) -> float:
    """Return Average: the mean over tasks of their mean accuracy, which is the mean of the whole matrix.

    Raises:
        MatrixError: see :func:`average_per_task`.
    """
    return float(average_per_task(A).mean())


def last(A: Matrix) -> float:
    """Return Last: the mean accuracy after all tasks are learned.

    Raises:
        MatrixError: see :func:`last_per_task`.
    """
    return float(last_per_task(A).mean())


def forgetting(A: Matrix) -> float:
    """Return Forgetting, ``sum_j (A[T-1, j] - A[j, j]) / (T-1)``; **negative means that it forgot**.

    The definition and its sign are those of GIFT (Wu et al., CVPR 2025).

    Raises:
        MatrixError: see :func:`forgetting_per_task`.
    """
    change = forgetting_per_task(A)
    return float(change.sum() / (len(change) - 1))


METRICS: Mapping[str, Callable[[Matrix], float]] = MappingProxyType(
    {"transfer": transfer, "average": average, "last": last, "forgetting": forgetting}
)
"""The metrics by name, in the order in which tables show them."""

PER_TASK: Mapping[str, Callable[[Matrix], FloatArray]] = MappingProxyType(
    {
        "transfer": transfer_per_task,
        "average": average_per_task,
        "last": last_per_task,
        "forgetting": forgetting_per_task,
    }
)
"""The same on each task, shape (T,), in the order in which tasks are learned."""


def compute_all(A: Matrix) -> dict[str, float]:
    """Return every metric of :data:`METRICS` by name.

    Raises:
        MatrixError: one of them cannot be computed.
    """
    return {name: metric(A) for name, metric in METRICS.items()}


def square_matrix(A: Matrix) -> FloatArray:
    """Return ``A`` as a float64 array of shape (T, T), T ≥ 2; what is missing is NaN."""
    a = _numbers(A)
    if a.ndim != 2 or a.shape[0] != a.shape[1]:
        raise MatrixError(
            f"an accuracy matrix must be square, but this one has shape {a.shape}",
            why="it has one row and one column for each task of the stream",
            fix="pass all rows of a finished run, rows = after task i, columns = task j",
        )
    if len(a) < 2:
        raise MatrixError(
            f"an accuracy matrix must be at least 2×2, but this one has shape {a.shape}",
            why="with fewer than two tasks nothing can be transferred or forgotten",
            fix="use a stream of two or more tasks",
        )
    return a


def _numbers(A: Matrix) -> FloatArray:
    if hasattr(A, "detach"):  # a torch tensor, which may need gradients, be on a device or in bfloat16
        A = A.detach().cpu().double().numpy()
    elif hasattr(A, "iloc"):  # a pandas DataFrame, whose missing values may be pandas.NA
        A = A.to_numpy(dtype=object, na_value=np.nan)
    elif isinstance(A, np.ma.MaskedArray):
        A = np.ma.filled(A.astype(np.float64), np.nan)
    try:
        if isinstance(A, (list, tuple)):  # numpy takes a truth value among numbers for 0 or 1
            rows = [row for row in A if isinstance(row, (list, tuple))]
            if any(isinstance(value, (bool, np.bool_)) for row in rows for value in row):
                raise TypeError("it holds truth values")
        a = np.asarray(A)
        if a.dtype.kind in "iuf":
            return a.astype(np.float64)
        if a.dtype.kind == "O" and all(x is None or _is_number(x) for x in a.flat):
            return np.array([np.nan if x is None else float(x) for x in a.flat]).reshape(a.shape)
    except (TypeError, ValueError) as error:  # rows of unequal length among others
        raise MatrixError("this is not a matrix of numbers", why=str(error)) from error
    raise MatrixError(
        "this is not a matrix of numbers",
        why=f"it holds values of type {_strange_type(a)}",
        fix="pass accuracies as numbers; None or NaN where there is none",
    )


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _strange_type(a: npt.NDArray[Any]) -> str:
    if a.dtype.kind != "O":
        return str(a.dtype)
    return next(type(x).__name__ for x in a.flat if x is not None and not _is_number(x))


def require_finite(a: FloatArray, needed: npt.NDArray[np.bool_], metric: str, where: str) -> None:
    missing = needed & ~np.isfinite(a)
    if missing.any():
        i, j = np.argwhere(missing)[0]
        raise MatrixError(
            f"{metric} cannot be computed: A[{i}, {j}] is {a[i, j]}",
            why=f"{metric} needs a finite accuracy {where} ({int(missing.sum())} missing)",
            fix="finish the run, or evaluate the tasks that are missing",
        )
