"""Per-sample predictions: one compressed file beside the record, equal content giving equal bytes.

The file is NumPy's ``.npz``, readable without clbench:

* ``tasks`` (T,) task keys, ``images`` (T,) their numbers of test images;
* ``rows|SPACE`` (R,) row numbers, -1 being the initial model's;
* ``answers|SPACE`` (sum of images, R): 1 + the predicted column in the union label space, the tasks one after
  another; 0 where there is no answer. An image's answers change little from row to row, so that they lie
  beside each other and compress well;
* ``truth`` (sum of images,): 1 + the right column, or 0;
* ``groups`` (sum of images,), where the stream names groups of test images that are alike, as renderings of
  one design or pages of one writer: 1 + the number of the image's group, or 0.
"""

from __future__ import annotations

import hashlib
import io
import struct
import tokenize
import zipfile
import zlib
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
    "HELD_OUT",
    "PREDICTIONS_FILE",
    "ZERO_SHOT_ROW",
    "PredictionKey",
    "Predictions",
    "check_digest",
    "load_predictions",
    "parse_predictions",
    "save_predictions",
]

PREDICTIONS_FILE = "predictions.npz"
ZERO_SHOT_ROW = -1
"""Row number of the answers of the initial model."""
HELD_OUT = "held-out"
"""Instead of a label space: answers on data sets of no task, numbered by their own classes."""

DAMAGE: tuple[type[Exception], ...] = (
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
)
"""What zipfile and NumPy raise on files that are no ``.npz``, or no longer."""

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
        groups: by task, the number of each image's group, shape (n,); tasks that name none are missing.
    """

    answers: Mapping[PredictionKey, IntArray]
    truth: Mapping[str, IntArray] = field(default_factory=dict)
    groups: Mapping[str, IntArray] = field(default_factory=dict)

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
    groups: Mapping[str, npt.ArrayLike] | None = None,
) -> PredictionsFile:
    """Write predictions to ``path`` at once and return what the record says of the file.

    Args:
        path: the file, or the run's folder.
        answers: by (label space, row, task key): predicted columns in the union label space, shape (n,).
        truth: by task key: the right columns, shape (n,).
        groups: by task key: the number of each image's group, shape (n,), where images come in groups.

    Raises:
        ValueError: an array is not one-dimensional, holds no integers or a negative one, or arrays of one
            task differ in length.
    """
    if path.suffix != ".npz":
        path = path / PREDICTIONS_FILE
    right = {task: _columns(values, task) for task, values in (truth or {}).items()}
    alike = {task: _columns(values, task) for task, values in (groups or {}).items()}
    given = {PredictionKey(*key): _columns(values, key[2]) for key, values in answers.items()}
    tasks = sorted({*right, *(key.task for key in given)})
    counts = dict.fromkeys(tasks, 0)
    named = [*right.items(), *alike.items(), *((key.task, values) for key, values in given.items())]
    for task, values in named:
        if task not in counts:
            raise ValueError(f"there are groups of images of {task}, which has no answers")
        if counts[task] not in (0, len(values)):
            raise ValueError(f"predictions on task {task} are of {counts[task]} images and of {len(values)}")
        counts[task] = len(values)
    layout = _Layout(tuple(tasks), tuple(counts[task] for task in tasks))
    arrays: dict[str, npt.NDArray[Any]] = {
        "tasks": np.array(tasks, dtype=np.str_),
        "images": np.array(layout.counts, dtype=np.int64),
        "truth": _narrowed(layout.joined(right)),
    }
    if alike:
        arrays["groups"] = _narrowed(layout.joined(alike))
    for space in sorted({key.label_space for key in given}):
        rows = sorted({key.row for key in given if key.label_space == space})
        columns = [
            layout.joined({key.task: v for key, v in given.items() if key[:2] == (space, row)})
            for row in rows
        ]
        arrays[f"rows|{space}"] = np.array(rows, dtype=np.int64)
        arrays[f"answers|{space}"] = _narrowed(np.stack(columns, axis=1))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{name: arrays[name] for name in sorted(arrays)})  # type: ignore[arg-type]
    content = buffer.getvalue()
    atomic_write(path, content)
    return PredictionsFile(file=path.name, sha256=hashlib.sha256(content).hexdigest())


def load_predictions(
    path: Path, expected: PredictionsFile | None = None, *, space: str | None = None
) -> Predictions:
    """Read predictions from ``path`` (the file, or the run's folder).

    Args:
        path: the file, or the run's folder.
        expected: the record's entry; the file's digest must be the one it names.
        space: the label space whose answers are wanted.  Default: all of them.

    Raises:
        RecordError: the file is missing, damaged, or not the one that the record names.
    """
    if path.is_dir():
        path = path / (expected.file if expected else PREDICTIONS_FILE)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RecordError(f"cannot read {path}", why=error.strerror or str(error)) from error
    if expected is not None:
        check_digest(content, expected, path)
    return parse_predictions(content, path, space=space)


def check_digest(content: bytes, expected: PredictionsFile, path: Path) -> None:
    """Check that ``content``, read from ``path``, is the file that a record names.

    Raises:
        RecordError: its SHA-256 is another.
    """
    if hashlib.sha256(content).hexdigest() != expected.sha256:
        raise RecordError(
            f"{path} is not the file that the record names",
            why="its SHA-256 digest differs: it was changed or belongs to another run",
            fix="run the same command again with another --out",
        )


def parse_predictions(content: bytes, path: Path, *, space: str | None = None) -> Predictions:
    """Return the predictions that ``content``, read from ``path``, holds; of ``space`` alone if it is named.

    Raises:
        RecordError: it is damaged; names ``path``.
    """
    answers: dict[PredictionKey, IntArray] = {}
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            layout = _Layout(tuple(arrays["tasks"].tolist()), tuple(arrays["images"].tolist()))
            truth = layout.split(arrays["truth"])
            groups = layout.split(arrays["groups"]) if "groups" in arrays.files else {}
            for name in arrays.files:
                kind, _, found = name.partition("|")
                if kind != "answers" or space not in (None, found):
                    continue
                for row, column in zip(arrays[f"rows|{found}"].tolist(), arrays[name].T, strict=True):
                    for task, values in layout.split(column).items():
                        answers[PredictionKey(found, row, task)] = values
    except DAMAGE as error:
        raise RecordError(f"{path} is damaged", why=str(error), fix=f"delete {path} and run again") from error
    return Predictions(answers, truth, groups)


def _columns(values: npt.ArrayLike, task: str) -> IntArray:
    a = np.asarray(values)
    if a.ndim != 1 or a.dtype.kind not in "iu" or (a.size and int(a.min()) < 0):
        raise ValueError(
            f"predictions on task {task} must be column numbers of shape (n,), not {a.dtype} {a.shape}"
        )
    return a.astype(np.int64)


@dataclass(frozen=True)
class _Layout:
    """Tasks one after another in one array."""

    tasks: tuple[str, ...]
    counts: tuple[int, ...]

    def joined(self, by_task: Mapping[str, IntArray]) -> IntArray:
        """1 + the values of all tasks, 0 for tasks that have none."""
        parts = [
            by_task[task] + 1 if task in by_task else np.zeros(count, dtype=np.int64)
            for task, count in zip(self.tasks, self.counts, strict=True)
        ]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)

    def split(self, joined: IntArray) -> dict[str, IntArray]:
        """The values by task again, without the tasks that have none."""
        if len(joined) != sum(self.counts):
            raise ValueError(f"{len(joined)} answers for {sum(self.counts)} images")
        parts = np.split(joined.astype(np.int64), np.cumsum(self.counts)[:-1])
        return {
            task: part - 1
            for task, part in zip(self.tasks, parts, strict=True)
            if not len(part) or part.min() > 0
        }


def _narrowed(values: IntArray) -> IntArray:
    """The same in the smallest unsigned type that holds it."""
    return values.astype(np.min_scalar_type(int(values.max()) if values.size else 0))
