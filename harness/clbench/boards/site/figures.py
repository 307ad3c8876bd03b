"""Numbers of a board as its pages show them: cells with marks, per-task tables, data of the charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clbench.boards.formats.cells import Cell, with_marks
from clbench.boards.formats.wording import percent
from clbench.boards.layouts.pertask import task_figures
from clbench.boards.site.contents import BoardPage, RowView
from clbench.boards.tables.rows import Column
from clbench.results.statistics.intervals import Interval

__all__ = ["TASK_METRICS", "Figure", "TaskTable", "board_figures", "scatter_rows", "task_tables"]

TASK_METRICS = ("transfer", "average", "last")
"""Those whose values per task a board's page shows."""


@dataclass(frozen=True)
class Figure:
    """A mean in percent with half its 95 % interval, as text and as a number; ``mark``: best or second."""

    interval: Interval | None
    mark: str = ""

    @property
    def value(self) -> float | None:
        """Unrounded."""
        return None if self.interval is None else self.interval.mean

    @property
    def text(self) -> str:
        """Two decimals."""
        return percent(self.value)

    @property
    def spread(self) -> str:
        """Half the interval, two decimals; empty for a single seed."""
        half = None if self.interval is None else self.interval.half_width
        return "" if half is None else f"± {percent(half)}"


@dataclass(frozen=True)
class TaskTable:
    """One metric per task: a line for each row of the board, the mean last."""

    title: str
    tasks: tuple[str, ...]
    rows: tuple[tuple[RowView, tuple[Figure, ...]], ...]


def board_figures(board: BoardPage, columns: Sequence[Column]) -> list[list[Figure]]:
    """Return the figures of each row, in the order of ``columns``."""
    shown = []
    for column in columns:
        intervals = [view.row.values.get(column.name) for view in board.rows]
        shown.append(_marked(board.rows, intervals, higher_is_better=column.higher_is_better))
    return [list(line) for line in zip(*shown, strict=True)] if shown else [[] for _ in board.rows]


def task_tables(board: BoardPage) -> list[TaskTable]:
    """Return Transfer, Average and Last per task, means over seeds, of the rows with a whole matrix."""
    rows = [view for view in board.rows if view.row.status == "finished" and view.runs]
    if not rows:
        return []
    titles = [*(task.title for task in rows[0].runs[0].record.stream.tasks), "Mean"]
    tables = []
    for metric in TASK_METRICS:
        found = [(view, task_figures(view.row, board.table, metric)) for view in rows]
        kept = [(view, line) for view, line in found if any(line)]
        # The first task has no Transfer.
        places = [j for j in range(len(titles)) if any(line[j] for _, line in kept)]
        columns = [
            _marked([view for view, _ in kept], [line[j] for _, line in kept], higher_is_better=True)
            for j in places
        ]
        pairs = tuple((view, tuple(c[n] for c in columns)) for n, (view, _) in enumerate(kept))
        tables.append(TaskTable(metric.capitalize(), tuple(titles[j] for j in places), pairs))
    return tables


def _marked(
    rows: Sequence[RowView], intervals: Sequence[Interval | None], *, higher_is_better: bool
) -> list[Figure]:
    """Best and second best of the ranked rows, as in tables."""
    ranked = {
        n: interval.mean
        for n, (view, interval) in enumerate(zip(rows, intervals, strict=True))
        if interval is not None and view.row.kind == "ranked" and view.row.status == "finished"
    }
    cells = with_marks({n: Cell("") for n in range(len(rows))}, ranked, higher_is_better=higher_is_better)
    return [
        Figure(x, "best" if cells[n].best else "second" if cells[n].second else "")
        for n, x in enumerate(intervals)
    ]


def scatter_rows(board: BoardPage, columns: Sequence[Column], root: str) -> list[dict[str, Any]]:
    """Return a point for each finished row: its measures with intervals, its texts, and its method's page."""
    points = []
    for number, (view, figures) in enumerate(zip(board.rows, board_figures(board, columns), strict=True)):
        row, cost = view.row, view.cost
        # Joint training has no tasks not learned yet, and would only stretch the axes.
        if row.status != "finished" or row.protocol == "joint":
            continue
        measures: dict[str, list[float | None]] = {}
        for column, figure in zip(columns, figures, strict=True):
            if figure.interval is not None:
                interval = figure.interval
                measures[column.name] = [interval.mean, interval.low, interval.high]
        if cost is not None:
            for name in ("learn_seconds", "evaluate_seconds", "peak_memory_bytes"):
                measures[name] = [getattr(cost, name), None, None]
            measures["stored_parameters"] = [cost.stored_parameters, None, None]
        texts = {c.title: f"{f.text} {f.spread}".strip() for c, f in zip(columns, figures, strict=True)}
        points.append(
            {
                "row": number,
                "method": row.method,
                "kind": "method" if row.kind == "ranked" else "reference",
                "href": f"{root}methods/{view.page}.html" if view.page else None,
                "seeds": str(row.seeds) if row.seeds is not None else "any",
                "uses": row.uses or "nothing more",
                "measures": {name: values for name, values in measures.items() if values[0] is not None},
                **texts,
                "description": f"{row.method}: " + ", ".join(f"{k} {v}" for k, v in texts.items()),
            }
        )
    return points
