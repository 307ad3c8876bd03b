"""The layout of the MTIL papers: Transfer, Average and Last of every task, one below the other.

As in ZSCL (Zheng et al., ICCV 2023) and its followers the references stand above, with what they reach on
each task at the end; zero-shot stands in Transfer as well, which is read against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from clbench.boards.formats.cells import Cell, Grid, number, with_marks
from clbench.boards.layouts.views import (
    Footnotes,
    Options,
    captioned,
    label_of,
    merged,
    set_apart,
    split_references,
)
from clbench.boards.tables.board import Board
from clbench.boards.tables.frames import PLACE, place, typed
from clbench.boards.tables.rows import Row
from clbench.boards.tables.table import Table
from clbench.errors import ConfigError, UnknownNameError
from clbench.results import metrics as formulas
from clbench.results.metrics import PER_TASK, FloatArray, MatrixError
from clbench.results.records import Record
from clbench.results.statistics.estimates import estimate
from clbench.results.statistics.intervals import Interval
from clbench.results.statistics.pairs import column_weights, metric_weights
from clbench.results.statistics.trials import Trial

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["per_task", "per_task_frame", "task_figures"]

_WIDEST_TITLE = 13
_REFERENCES = "Without continual learning (after all tasks)"


def per_task(board: Board, options: Options) -> list[Grid]:
    """Return the tables of ``board`` with a column for each task: percent, means over seeds, one decimal.

    Raises:
        ConfigError: columns were chosen, which are the tasks here.
        UnknownNameError: a metric of ``board`` that has no value per task.
    """
    if options.columns is not None:
        raise ConfigError(
            "the layout per-task has a column for each task", fix="choose its blocks: --metrics transfer,last"
        )
    _check(board)
    return [_grid(board, n, table, options) for n, table in enumerate(board.tables, start=1)]


def _check(board: Board) -> None:
    for column in board.columns:
        if column.name not in PER_TASK:
            raise UnknownNameError("metric per task", column.name, PER_TASK)


def _grid(board: Board, place_: int, table: Table, options: Options) -> Grid:
    footnotes = Footnotes()
    ordered, _ = split_references(table.rows)
    rows = [
        row for row in ordered if row.status == "finished" and (row.records or row.protocol == "zero_shot")
    ]
    blocks = [("last", _REFERENCES, [row for row in rows if row.kind == "reference"])]
    for column in board.columns:
        shown = [
            r for r in rows if r.kind == "ranked" or (column.name, r.protocol) == ("transfer", "zero_shot")
        ]
        blocks.append((column.name, column.title, shown))
    cells: list[tuple[Cell, ...]] = []
    sections = []
    for metric, title, members in blocks:
        if members:
            sections.append((len(cells), title))
            cells += _block(members, table, metric, options, footnotes)
    left_out = [f"{row.method} {row.status}: {row.reason}" for row in table.rows if row.reason]
    headers = ("Method", *_titles(table), "Mean")
    return Grid(
        captioned(board, place_, table, options),
        headers,
        ("left", *("right" for _ in headers[1:])),
        tuple(cells),
        (
            *_seeds(rows),
            *footnotes.notes,
            *set_apart(board, place_, options),
            *left_out,
            *merged(table.notes),
        ),
        tuple(sections),
        label=label_of(table.group, "per-task"),
    )


def _titles(table: Table) -> tuple[str, ...]:
    """The tasks' titles, as papers print them; their keys where titles are long."""
    records = (record for row in table.rows for record in row.records)
    tasks = next((record.stream.tasks for record in records), ())
    titles = tuple(task.title for task in tasks)
    return titles if titles and max(map(len, titles)) <= _WIDEST_TITLE else table.group.tasks


def _block(
    rows: Sequence[Row], table: Table, metric: str, options: Options, footnotes: Footnotes
) -> list[tuple[Cell, ...]]:
    decimals = 1 if options.decimals is None else options.decimals
    shown = partial(number, decimals=decimals, spread=options.spread is True)
    figures = [task_figures(row, table, metric, spread=options.spread is True) for row in rows]
    names = {n: Cell(row.method, reference=row.kind == "reference") for n, row in enumerate(rows)}
    if options.paper:
        names = {n: footnotes.marked(cell, rows[n].uses.split(", ")) for n, cell in names.items()}
    columns = [names]
    for j in range(len(table.group.tasks) + 1):
        cells = {n: Cell(shown(row[j])) for n, row in enumerate(figures)}
        ranked = {
            n: x.mean
            for n, row in enumerate(figures)
            if rows[n].kind == "ranked" and (x := row[j]) is not None
        }
        columns.append(with_marks(cells, ranked, decimals, higher_is_better=True))
    return [tuple(column[n] for column in columns) for n in range(len(rows))]


def task_figures(row: Row, table: Table, metric: str, *, spread: bool = True) -> list[Interval | None]:
    """Return the metric of each task and, last, its mean over tasks; ``None``: there is none.

    ``spread`` is whether the interval is wanted, which takes most of the time.
    """
    count = len(table.group.tasks)
    matrices = [record.matrix for record in row.records]
    if not matrices:
        first = _zero_shot(table)
        matrices = [(first,) * count] if first else []
    values = []
    for matrix in matrices:
        try:
            tasks = PER_TASK[metric](matrix)
        except MatrixError:
            return [None] * (count + 1)
        # The first task has no Transfer, and the last one cannot be forgotten.
        mean = formulas.METRICS[metric](matrix)
        values.append([*tasks, mean])
    if not values:
        return [None] * (count + 1)
    columns: list[list[float]] = np.array(values).T.tolist()
    weights = _weights(metric, count) if spread and row.trials else (None,) * (count + 1)
    return [
        None if np.isnan(column).any() else _around(column, row.trials, w)
        for column, w in zip(columns, weights, strict=True)
    ]


@cache
def _weights(metric: str, count: int) -> tuple[FloatArray, ...]:
    """What each accuracy weighs in each task's figure, and in the mean over tasks."""
    whole = metric_weights(formulas.METRICS[metric], count)
    assert whole is not None, "the standard metrics are sums over the matrix"
    return (*column_weights(PER_TASK[metric], count), whole)


def _around(values: Sequence[float], trials: Sequence[Trial], weights: FloatArray | None) -> Interval:
    # The same mean with and without its interval, to the last bit: a printed digit may hang on it.
    found = None if weights is None else estimate([trials], [weights])
    return replace(found, mean=fmean(values)) if found else Interval(fmean(values), None, len(values))


def _zero_shot(table: Table) -> tuple[float | None, ...] | None:
    records: list[Record] = [record for row in table.rows for record in row.records]
    space = table.group.label_space
    return next((r.zero_shot[space] for r in records if space in r.zero_shot), None)


def _seeds(rows: Sequence[Row]) -> list[str]:
    counts = sorted({row.seeds for row in rows if row.seeds is not None and row.kind == "ranked"})
    if not counts or counts == [1]:
        return ["One seed"] if counts else []
    return [
        f"Means over {counts[0]} seeds"
        if len(counts) == 1
        else f"Means over {counts[0]} to {counts[-1]} seeds"
    ]


def per_task_frame(board: Board) -> pd.DataFrame:
    """Return a line for each method, metric and task, unrounded; the mean over tasks has no ``task``.

    Raises:
        UnknownNameError: a metric of ``board`` that has no value per task.
    """
    _check(board)
    rows: list[dict[str, object]] = []
    for n, table in enumerate(board.tables, start=1):
        keys = (*table.group.tasks, None)
        for row in table.rows:
            if row.status != "finished":
                continue
            where = {"table": n, **place(row, table)}
            for column in board.columns:
                for task, x in zip(keys, task_figures(row, table, column.name), strict=True):
                    value = (None, None) if x is None else (x.mean, x.half_width)
                    line = {"metric": column.name, "task": task, "value": value[0], "value_ci95": value[1]}
                    rows.append(where | line)
    return typed(rows, ["table", *PLACE, "metric", "task", "value", "value_ci95"], ["value"], ["seeds"])
