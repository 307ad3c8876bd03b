"""A run as statistics see it: its accuracies and, if they were kept, which test images it answered right."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from clbench.errors import RecordError
from clbench.results.metrics import FloatArray
from clbench.results.places import folder_of
from clbench.results.predictions import ZERO_SHOT_ROW, PredictionKey, Predictions, load_predictions
from clbench.results.records import Record

__all__ = [
    "Trial",
    "check_same_images",
    "groups_of",
    "load_trial",
    "predictions_folder",
    "trial_of",
    "zero_shot_trial",
]

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.integer[Any]]


_READ: dict[int, Trial] = {}
"""By the identity of a record that is alive."""


@dataclass(frozen=True)
class Trial:
    """One run.

    Attributes:
        seed: ``None`` where nothing depends on one, as of the zero-shot model.
        tasks: task keys in the order in which they were learned.
        matrix: percent, shape (T, T): rows = after task i, columns = task j.
        right: for each task whether its images were answered right: shapes (T, n_j); rows = after task i.
            ``None`` where no predictions were kept.
        classes: for each task the right class of each image, shape (n_j,), classes being numbered as they
            occur: what two runs must share if their images are the same, whatever order they learned in.
        groups: by task, the number of each test image's group, shape (n_j,), counted as they occur, where
            the stream names groups: images of one design or one writer, which are drawn together.
    """

    seed: int | None
    tasks: tuple[str, ...]
    matrix: FloatArray = field(repr=False)
    right: tuple[BoolArray, ...] | None = field(default=None, repr=False)
    classes: tuple[IntArray, ...] | None = field(default=None, repr=False)
    groups: Mapping[str, IntArray] = field(default_factory=dict, repr=False)

    def shares(self, weights: FloatArray, j: int) -> FloatArray:
        """Return what each image of task number ``j`` adds to ``sum(weights * A)``: shape (n_j,)."""
        assert self.right is not None, "there are no predictions"
        share: FloatArray = 100 * (weights[:, j] @ self.right[j].astype(np.float64))
        return share


def predictions_folder(record: Record, folder: Path | None) -> Path | None:
    """Return ``folder`` if the predictions that ``record`` names lie in it."""
    if folder is None or record.predictions is None:
        return None
    return folder if (folder / record.predictions.file).exists() else None


def trial_of(record: Record) -> Trial:
    """Return the trial of a finished record with the predictions beside it, if there are any; read once.

    Raises:
        RecordError: see :func:`load_trial`.
    """
    known = id(record)
    if known not in _READ:
        _READ[known] = load_trial(record, predictions_folder(record, folder_of(record)))
        weakref.finalize(record, _READ.pop, known, None)
    return _READ[known]


def load_trial(record: Record, folder: Path | None = None) -> Trial:
    """Return the trial of a finished record.

    Args:
        record: of a finished run.
        folder: where its predictions are; without it, or where the record names none, ``right`` is ``None``.

    Raises:
        RecordError: the run is not finished, or its predictions are missing, damaged, not those that the
            record names, or do not give its accuracies.
    """
    if record.status != "finished":
        raise RecordError(f"run {record.run_id} is {record.status}", fix="run the same command again")
    seed = None if record.method.protocol == "zero_shot" else record.seed
    matrix = np.array(record.matrix, dtype=np.float64)
    return _trial(record, seed, matrix, folder, range(len(matrix)))


def zero_shot_trial(record: Record, folder: Path | None = None) -> Trial | None:
    """Return the initial model of ``record`` as a trial: its zero-shot row, after each task.

    ``None`` where the record has no zero-shot row, or its label space is the classes seen so far: their
    number grows, so that rows of the initial model differ.

    Raises:
        RecordError: see :func:`load_trial`.
    """
    row = record.zero_shot.get(record.label_space)
    if row is None or record.label_space == "seen":
        return None
    matrix = np.array([row] * len(row), dtype=np.float64)
    return _trial(record, None, matrix, folder, [ZERO_SHOT_ROW] * len(row))


def _trial(
    record: Record, seed: int | None, matrix: FloatArray, folder: Path | None, rows: range | list[int]
) -> Trial:
    tasks = tuple(task.key for task in record.stream.tasks)
    if folder is None or record.predictions is None:
        return Trial(seed, tasks, matrix)
    predictions = load_predictions(folder, record.predictions, space=record.label_space)
    try:
        right = tuple(_right(predictions, record.label_space, task, rows) for task in tasks)
    except KeyError as error:
        raise RecordError(
            f"the predictions of run {record.run_id} are not complete",
            why=f"there are none for {error.args[0]}",
            fix="run the same command again with another --out",
        ) from error
    if not np.allclose(100 * np.stack([r.mean(axis=1) for r in right], axis=1), matrix, atol=1e-9):
        raise RecordError(
            f"the predictions of run {record.run_id} do not give its accuracies",
            why="the record or its predictions were changed",
            fix=f"see what differs: clbench rescore {folder}",
        )
    classes = tuple(_as_they_occur(predictions.truth[t]) for t in tasks)
    groups = {task: _as_they_occur(numbers) for task, numbers in predictions.groups.items()}
    return Trial(seed, tasks, matrix, right, classes, groups)


def groups_of(trials: Iterable[Trial]) -> dict[str, IntArray]:
    """Return the groups of test images that any of ``trials`` of the same images names, by task.

    A run that was recorded before its stream named groups has none, and may stand beside one that has.
    """
    return {task: numbers for trial in trials for task, numbers in trial.groups.items()}


def _as_they_occur(columns: IntArray) -> IntArray:
    """Classes numbered by their first image: columns depend on the order of tasks, this does not."""
    _, first, number = np.unique(columns, return_index=True, return_inverse=True)
    numbers: IntArray = np.argsort(np.argsort(first))[number]
    return numbers


def _right(predictions: Predictions, space: str, task: str, rows: range | list[int]) -> BoolArray:
    truth = predictions.truth[task]
    answers = [predictions.answers[PredictionKey(space, row, task)] for row in rows]
    return np.stack([answer == truth for answer in answers])


def check_same_images(a: Trial, b: Trial) -> None:
    """Check that two trials answered the same images, whatever order they learned the tasks in.

    Trials without predictions pass: there is nothing to check.

    Raises:
        RecordError: tasks, numbers of images or their right classes differ, or which images are a group.
    """
    fix = "compare runs of one stream and one version of its data"
    if sorted(a.tasks) != sorted(b.tasks):
        other = sorted(set(a.tasks) ^ set(b.tasks))
        raise RecordError(
            "the runs cannot be compared", why=f"only one of them has {', '.join(other)}", fix=fix
        )
    if a.classes is None or b.classes is None:
        return
    theirs = dict(zip(b.tasks, b.classes, strict=True))
    for task, classes in zip(a.tasks, a.classes, strict=True):
        if not np.array_equal(classes, theirs[task]):
            raise RecordError(
                "the runs cannot be compared",
                why=f"they were not asked about the same images of {task}: the right answers differ",
                fix=fix,
            )
    for task in a.groups.keys() & b.groups.keys():
        if not np.array_equal(a.groups[task], b.groups[task]):
            raise RecordError(
                "the runs cannot be compared",
                why=f"which test images of {task} are alike, one says otherwise than the other: they were "
                "recorded with different versions of the stream",
                fix="let the installed stream name the groups of both: clbench stream groups RUNS",
            )
