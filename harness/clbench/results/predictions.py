"""Per-sample predictions: one compressed file beside the record, equal content giving equal bytes."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from clbench.errors import RecordError
from clbench.results.atomic import atomic_write
from clbench.results.records import PredictionsFile

__all__ = [
    "PREDICTIONS_FILE",
    "ZERO_SHOT_ROW",
    "PredictionKey",
    "Predictions",
    "load_predictions",
    "save_predictions",
]

PREDICTIONS_FILE = "predictions.npz"
ZERO_SHOT_ROW = -1
"""Row number of the answers of the initial model."""

IntArray = npt.NDArray[np.integer[Any]]


class PredictionKey(NamedTuple):
    """Predictions in ``label_space`` after task number ``row`` (0-based) on the test set of ``task``."""

    label_space: str
    row: int
    task: str


@dataclass(frozen=True)
class Predictions:
    """What was answered and what is right.

    Attributes:
        answers: by key, the predicted column in the union label space, one per test image: shape (n,).
        truth: by task, the right column in the union label space: shape (n,).
    """

    answers: Mapping[PredictionKey, IntArray]
    truth: Mapping[str, IntArray] = field(default_factory=dict)

    def accuracy(self, label_space: str, row: int, task: str) -> float:
        """Return the accuracy in percent.

        Raises:
            KeyError: there are no such predictions, or no truth of that task.
        """
        right = self.answers[PredictionKey(label_space, row, task)] == self.truth[task]
        return 100.0 * int(right.sum()) / len(right)


def save_predictions(
    path: Path,
    answers: Mapping[tuple[str, int, str], npt.ArrayLike],
    truth: Mapping[str, npt.ArrayLike] | None = None,
) -> PredictionsFile:
    """Write predictions to ``path`` at once and return what the record says of the file.

    Args:
        path: the file, or the run's folder.
        answers: by (label space, row, task key): predicted columns in the union label space, shape (n,).
        truth: by task key: the right columns, shape (n,).

    Raises:
        ValueError: an array is not one-dimensional, holds no integers, or a negative one.
    """
    if path.suffix != ".npz":
        path = path / PREDICTIONS_FILE
    arrays = {f"truth|{task}": _columns(values, task) for task, values in (truth or {}).items()}
    for (space, row, task), values in answers.items():
        arrays[f"answers|{space}|{row}|{task}"] = _columns(values, task)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{name: arrays[name] for name in sorted(arrays)})  # type: ignore[arg-type]
    content = buffer.getvalue()
    atomic_write(path, content)
    return PredictionsFile(file=path.name, sha256=hashlib.sha256(content).hexdigest())


def load_predictions(path: Path, expected: PredictionsFile | None = None) -> Predictions:
    """Read predictions from ``path`` (the file, or the run's folder).

    Args:
        path: the file, or the run's folder.
        expected: the record's entry; the file's digest must be the one it names.

    Raises:
        RecordError: the file is missing, damaged, or not the one that the record names.
    """
    if path.is_dir():
        path = path / (expected.file if expected else PREDICTIONS_FILE)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RecordError(f"cannot read {path}", why=error.strerror or str(error)) from error
    if expected is not None and hashlib.sha256(content).hexdigest() != expected.sha256:
        raise RecordError(
            f"{path} is not the file that the record names",
            why="its SHA-256 digest differs: it was changed or belongs to another run",
            fix="run the same command again with another --out",
        )
    answers: dict[PredictionKey, IntArray] = {}
    truth: dict[str, IntArray] = {}
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            for name in arrays.files:
                kind, _, rest = name.partition("|")
                if kind == "truth":
                    truth[rest] = arrays[name].astype(np.int64)
                else:
                    space, row, task = rest.split("|", 2)
                    answers[PredictionKey(space, int(row), task)] = arrays[name].astype(np.int64)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise RecordError(f"{path} is damaged", why=str(error), fix=f"delete {path} and run again") from error
    return Predictions(answers, truth)


def _columns(values: npt.ArrayLike, task: str) -> IntArray:
    a = np.asarray(values)
    if a.ndim != 1 or a.dtype.kind not in "iu" or (a.size and int(a.min()) < 0):
        raise ValueError(
            f"predictions on task {task} must be column numbers of shape (n,), not {a.dtype} {a.shape}"
        )
    return a.astype(np.min_scalar_type(int(a.max()) if a.size else 0))
