"""What the page of a run tells beside its matrix: its tasks, and what to beware of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clbench.boards.site.contents import BoardPage, Run
from clbench.results.metrics import PER_TASK, MatrixError
from clbench.results.records import Record, TaskRecord
from clbench.results.statistics.intervals import Interval

__all__ = ["RunTask", "compared_with_mean", "run_tasks", "warnings"]


@dataclass(frozen=True)
class RunTask:
    """A task of a run: accuracies in percent, ``None`` where there is none; seconds; counts of parameters."""

    task: TaskRecord
    zero_shot: float | None
    transfer: float | None
    average: float | None
    last: float | None
    forgetting: float | None
    learn_seconds: float | None
    evaluate_seconds: float | None
    trainable: int | None
    stored: int | None


def run_tasks(record: Record) -> list[RunTask]:
    """Return the figures of each task, in the ranked label space."""
    spent = record.resources
    zero = record.zero_shot.get(record.label_space, ())
    figures = {metric: _values(metric, record) for metric in PER_TASK}
    return [
        RunTask(
            task=task,
            zero_shot=_at(zero, j),
            **{metric: values[j] for metric, values in figures.items()},
            learn_seconds=_at(spent.learn_seconds, j),
            evaluate_seconds=_at(spent.evaluate_seconds, j),
            trainable=_at(spent.trainable_parameters, j),
            stored=_at(spent.stored_parameters, j),
        )
        for j, task in enumerate(record.stream.tasks)
    ]


def _values(metric: str, record: Record) -> list[float | None]:
    try:
        found = PER_TASK[metric](record.matrix)
    except MatrixError:
        return [None] * len(record.stream.tasks)
    return [None if x != x else float(x) for x in found]


def _at(values: Sequence[Any], j: int) -> Any:
    return values[j] if j < len(values) else None


def compared_with_mean(run: Run, board: BoardPage) -> dict[str, Interval]:
    """Return the means over seeds of the run's row, by metric; empty where the run is in none."""
    if not run.counts:
        return {}
    for view in board.rows:
        if view.row.status == "finished" and any(other.name == run.name for other in view.runs):
            return dict(view.row.values)
    return {}


def warnings(run: Run) -> list[str]:
    """Return what a reader must know before using a figure of the run, one sentence each."""
    record = run.record
    lines = []
    if record.failure is not None:
        where = f" {record.failure.place}" if record.failure.place else ""
        lines.append(f"It failed{where}: {record.failure.kind}: {record.failure.error}")
    if record.status == "running":
        lines.append(f"It is not finished: {record.rows} of {len(record.stream.tasks)} tasks are learned.")
    if not run.counts:
        lines.append("It is not on the board: a later or finished run of the same seed is.")
    if record.method.protocol != "stream":
        lines.append("It is a reference that does not compete: it does not learn task after task.")
    if record.method.assumptions.task_identity == "inferred":
        batches = record.fingerprint.fields.batch_composition
        lines.append(
            f"The method infers the task at test; its test batches were {batches}. "
            "What it scores in others, clbench audit shows."
        )
    if record.method.assumptions.task_identity == "given":
        lines.append("The method is told at test which task an image belongs to.")
    if run.form.startswith("mixed"):
        lines.append(
            "Where published code and what is meant differ, it does some of each "
            f"({run.form.removeprefix('mixed ').strip('()')}): clbench traps {record.method.name}."
        )
    if record.conduct is not None and record.conduct.line:
        lines.append(_sentence(f"It {record.conduct.line}"))
    if record.provenance.dirty:
        lines.append("The harness had changes that are not in the commit below.")
    if record.predictions is None:
        lines.append("No predictions were kept: its figures cannot be computed anew.")
    return lines + [_sentence(note) for note in record.notes]


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}"
