"""Matrices and metrics computed anew from per-sample predictions. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from clbench.errors import RecordError
from clbench.results.predictions import HELD_OUT, ZERO_SHOT_ROW, Predictions
from clbench.results.records import Metrics, Record, measure

__all__ = ["Rescored", "rescore"]


@dataclass(frozen=True)
class Rescored:
    """What the predictions of one label space give, in percent, unrounded.

    Attributes:
        label_space: ``task``, ``seen`` or ``union``.
        zero_shot: the initial model's row.
        matrix: row i = after task i, column j = accuracy on task j.
        metrics: of the matrix.
        differences: where the record says something else, one line each.
    """

    label_space: str
    zero_shot: tuple[float, ...]
    matrix: tuple[tuple[float, ...], ...]
    metrics: Metrics
    differences: tuple[str, ...]


def rescore(
    record: Record, predictions: Predictions, spaces: Sequence[str] | None = None
) -> tuple[Rescored, ...]:
    """Compute matrices and metrics from ``predictions`` and compare them with the record's.

    Args:
        record: of a finished run.
        predictions: its own.
        spaces: label spaces; default: all that the record has.

    Raises:
        RecordError: there are no predictions in a label space, of a row, or on a task.
    """
    known = {key.label_space for key in predictions.answers}
    found = []
    for space in spaces or tuple(record.matrices):
        if space not in known:
            raise RecordError(
                f"run {record.run_id} has no predictions in label space {space!r}",
                why=f"it has them in {', '.join(sorted(known)) or 'none'}",
                fix="leave --label-space out for those that it has",
            )
        found.append(_rescore(record, predictions, space))
    return tuple(found)


def _rescore(record: Record, predictions: Predictions, space: str) -> Rescored:
    tasks = [task.key for task in record.stream.tasks]

    def row(number: int) -> tuple[float, ...]:
        try:
            return tuple(predictions.accuracy(space, number, task) for task in tasks)
        except (KeyError, ZeroDivisionError) as error:
            where = "zero-shot" if number == ZERO_SHOT_ROW else f"after task {number}"
            raise RecordError(
                f"run {record.run_id} lacks predictions {where} in label space {space!r}",
                why="the predictions are not those of this record, or not complete",
                fix="run the same command again with another --out",
            ) from error

    zero_shot = row(ZERO_SHOT_ROW)
    matrix = tuple(row(number) for number in range(len(tasks)))
    metrics = measure(matrix)
    differences = [*_counts(record, predictions)]
    if space in record.zero_shot:
        differences += _cells("zero-shot", tasks, record.zero_shot[space], zero_shot)
    else:
        differences.append("zero-shot: the record has no such row, the predictions have one")
    recorded = record.matrices.get(space, ())
    if len(recorded) != len(matrix):
        differences.append(f"the record has {len(recorded)} rows, the predictions {len(matrix)}")
    for number, (said, given) in enumerate(zip(recorded, matrix, strict=False)):
        differences += _cells(f"A[{number}, {{}}], after {tasks[number]}", tasks, said, given)
    if space == record.label_space:
        differences += _held_out(record, predictions)
    return Rescored(space, zero_shot, matrix, metrics, tuple(differences))


def _held_out(record: Record, predictions: Predictions) -> Iterator[str]:
    for name, held in record.held_out.items():
        for row, said in enumerate((held.zero_shot, *held.after), start=ZERO_SHOT_ROW):
            where = "zero-shot" if row == ZERO_SHOT_ROW else f"after task {row}"
            try:
                given = predictions.accuracy(HELD_OUT, row, name)
            except KeyError:
                yield f"held out {name}, {where}: there are no predictions"
                continue
            if given != said:
                yield f"held out {name}, {where}: {said!r} in the record, {given!r} from the predictions"


def _counts(record: Record, predictions: Predictions) -> Iterator[str]:
    for task in record.stream.tasks:
        images = len(predictions.truth.get(task.key, ()))
        if images != task.test:
            yield f"{task.key}: the record has {task.test} test images, the predictions {images}"


def _cells(
    where: str, tasks: Sequence[str], said: Sequence[float | None], given: Sequence[float]
) -> Iterator[str]:
    for number, (task, recorded, computed) in enumerate(zip(tasks, said, given, strict=True)):
        # Both are 100 · right / n of whole numbers: equal to the last bit, or another count.
        if recorded != computed:
            place = where.format(number)
            yield f"{place}, on {task}: {recorded!r} in the record, {computed!r} from the predictions"
