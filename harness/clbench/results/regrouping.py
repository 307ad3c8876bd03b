"""Groups of test images for a run that was recorded before its stream named them.

The groups are a fact of the test images, which the run's fingerprint identifies; no answer and no accuracy
changes by them, only how wide intervals are.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from clbench.locking import locked
from clbench.results.predictions import IntArray, load_predictions, save_predictions
from clbench.results.records import Record
from clbench.results.store import read_record, write_record

__all__ = ["add_groups"]

_KEPT = "predictions.before.npz"
"""The predictions as they were, until the record names the new ones."""


def add_groups(folder: Path, groups: Mapping[str, npt.ArrayLike], by: str) -> Record | None:
    """Let the predictions in ``folder`` say which test images are alike, and the record that they do.

    Kept by a lock from a run that is at work there. A process that is killed leaves a record with the
    predictions that it names, or both as they were when this is called again.

    Args:
        folder: of a finished run, with ``record.json``.
        groups: by task key: the number of each test image's group, shape (n,), where images come in groups.
        by: distribution and version whose stream names them; recorded.

    Returns:
        the new record; ``None`` if its groups are these already.

    Raises:
        RecordError: record or predictions cannot be read, or are not of each other.
        ValueError: groups are of another number of images, or of a task that is not in the predictions.
    """
    with locked(folder / ".lock"):
        record = read_record(folder)
        if record.predictions is None:
            return None
        path, kept = folder / record.predictions.file, folder / _KEPT
        _heal(path, kept, record.predictions.sha256)
        said = load_predictions(folder, record.predictions)
        wanted: dict[str, IntArray] = {task: np.asarray(numbers) for task, numbers in groups.items()}
        counts = {task: len(np.unique(numbers)) for task, numbers in wanted.items()}
        told = {task.key: task.groups for task in record.stream.tasks if task.groups is not None}
        if counts == told and _equal(said.groups, wanted):
            return None
        kept.unlink(missing_ok=True)
        os.link(path, kept)
        answers = {(key.label_space, key.row, key.task): columns for key, columns in said.answers.items()}
        predictions = save_predictions(path, answers, said.truth, wanted)
        tasks = tuple(
            task.model_copy(update={"groups": counts.get(task.key)}) for task in record.stream.tasks
        )
        changed = record.evolve(
            predictions=predictions.model_copy(update={"groups_by": by}),
            stream=record.stream.model_copy(update={"tasks": tasks}),
        )
        write_record(folder, changed)
        kept.unlink()
        return changed


def _heal(path: Path, kept: Path, named: str) -> None:
    """Put back the predictions that the record names, if a process was killed before it wrote its own."""
    if kept.exists():
        if hashlib.sha256(kept.read_bytes()).hexdigest() == named:
            kept.replace(path)
        else:
            kept.unlink()


def _equal(a: Mapping[str, IntArray], b: Mapping[str, IntArray]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[task], b[task]) for task in a)
