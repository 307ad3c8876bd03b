"""The leaderboard's own layout: a line for each method, a column for each metric."""

from __future__ import annotations

from collections.abc import Sequence

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
from clbench.boards.tables.columns import FIELDS, METRICS_FIELD, Field, Selected, select
from clbench.boards.tables.rows import Row
from clbench.boards.tables.table import Table

__all__ = ["summary"]

_RANKS = {"rank", "rank_best", "rank_worst", "letters"}


def summary(board: Board, options: Options) -> list[Grid]:
    """Return the tables of ``board``: percent, ± half the 95 % interval."""
    return [_grid(board, n, table, options) for n, table in enumerate(board.tables, start=1)]


def _grid(board: Board, place: int, table: Table, options: Options) -> Grid:
    footnotes = Footnotes()
    columns = select(options.columns or _default(table, options.paper), board.columns)
    rows, sections = split_references(table.rows) if options.paper else (table.rows, ())
    decimals = 2 if options.decimals is None else options.decimals
    shown = [_column(rows, table, column, options, decimals) for _, column in columns]
    if options.paper and options.columns is None:
        marked = {n: footnotes.marked(cell, rows[n].uses.split(", ")) for n, cell in shown[0].items()}
        shown[0] = marked
    reasons = [f"{row.method} {row.status}: {row.reason}" for row in table.rows if row.reason]
    return Grid(
        captioned(board, place, table, options),
        tuple(column.title for _, column in columns),
        tuple(column.align if isinstance(column, Field) else "right" for _, column in columns),
        tuple(tuple(column[n] for column in shown) for n in range(len(rows))),
        (
            *footnotes.notes,
            *set_apart(board, place, options),
            *reasons,
            *merged(
                table.notes,
                ranks=any(name in _RANKS for name, _ in columns),
                spread=options.spread is not False,
            ),
        ),
        sections,
        label=label_of(table.group, "summary"),
    )


def _default(table: Table, paper: bool) -> list[str]:
    """In a paper the caption says what all rows share, and notes say what a method uses."""
    names = ["method"] if paper else ["method", "stream", "order", "backbone"]
    names += ["seeds", METRICS_FIELD]
    if any(row.ranks for row in table.rows):
        names += ["rank", "letters"]
    if any(row.uses for row in table.rows) and not paper:
        names.append("uses")
    if any(row.status != "finished" for row in table.rows):
        names.append("status")
    return names


def _column(
    rows: Sequence[Row], table: Table, column: Selected, options: Options, decimals: int
) -> dict[int, Cell]:
    if isinstance(column, Field):
        named = column is FIELDS["method"]
        return {
            n: Cell(column.show(row, table.group), reference=named and row.kind == "reference")
            for n, row in enumerate(rows)
        }
    spread = options.spread is not False
    cells = {n: Cell(number(r.values.get(column.name), decimals, spread=spread)) for n, r in enumerate(rows)}
    values = {
        n: row.values[column.name].mean
        for n, row in enumerate(rows)
        if row.kind == "ranked" and row.status == "finished" and column.name in row.values
    }
    return with_marks(cells, values, decimals, higher_is_better=column.higher_is_better)
