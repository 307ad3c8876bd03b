"""What a method scored on each task after each task: heat tables and the data of the small panels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from clbench.boards.figures.courses import Course
from clbench.boards.site.contents import RowView, Run
from clbench.boards.site.heatmaps import HeatTable, heat_table
from clbench.results.records import Record

__all__ = ["course_points", "mean_matrix", "run_matrices"]

Numbers = Sequence[float | None]

_SPACES = {
    "task": "the task's own classes",
    "seen": "classes seen so far",
    "union": "classes of all tasks",
}


def run_matrices(record: Record) -> list[HeatTable]:
    """Return the run's matrix in each label space, the ranked one first."""
    spaces = sorted(record.matrices, key=lambda space: space != record.label_space)
    tasks = [task.title for task in record.stream.tasks]
    return [
        heat_table(
            space, _SPACES.get(space, space), tasks, record.matrices[space], record.zero_shot.get(space, ())
        )
        for space in spaces
    ]


def mean_matrix(view: RowView) -> HeatTable | None:
    """Return the mean over the row's seeds, in the ranked label space; ``None`` before the end of a run."""
    if not view.runs or view.row.status != "finished":
        return None
    course = Course(view.row.method, tuple(run.record for run in view.runs))
    titles = [task.title for task in course.tasks]
    zero_shot = _known(course.zero_shot)
    shown = zero_shot if any(x is not None for x in zero_shot) else []
    return heat_table("mean", "mean over seeds", titles, [_known(row) for row in course.matrix], shown)


def _known(row: Iterable[float]) -> list[float | None]:
    return [None if x != x else float(x) for x in row]


def course_points(runs: Sequence[Run]) -> dict[str, Any]:
    """Return the tasks and, for each run, its zero-shot row and its matrix in the ranked label space.

    The page makes a point of each value; it would be five times as long with the points themselves.
    """
    return {
        "tasks": [task.title for task in runs[0].record.stream.tasks] if runs else [],
        "runs": [
            {
                "who": f"seed {run.record.seed}",
                "zero": _rounded(run.record.zero_shot.get(run.record.label_space, ())),
                "rows": [_rounded(row) for row in run.record.matrix],
            }
            for run in runs
            if run.record.matrix
        ],
    }


def _rounded(row: Numbers) -> list[float | None]:
    return [None if x is None else round(x, 4) for x in row]
