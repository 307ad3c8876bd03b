"""A board as captions, headers and cells for people; what a cell looks like is up to the format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from clbench.boards.board import Board, Table
from clbench.boards.rows import Column, Row
from clbench.results.statistics import Interval

__all__ = ["Cell", "Grid", "grid"]

NONE = "–"


@dataclass(frozen=True)
class Cell:
    """A text and how it stands out.

    Attributes:
        text: unescaped.
        best, second: the best and the second best of the ranked methods in its column.
        reference: names a method that does not compete.
    """

    text: str
    best: bool = False
    second: bool = False
    reference: bool = False


@dataclass(frozen=True)
class Grid:
    """A table for people; ``align`` has ``left`` or ``right`` for each column."""

    caption: str
    headers: tuple[str, ...]
    align: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...]


def grid(board: Board) -> list[Grid]:
    """Return the tables of ``board``: percent with two decimals, ± half the 95 % interval."""
    several = len(board.tables) > 1
    return [
        _grid(table, board.columns, f"Table {number}: " if several else "")
        for number, table in enumerate(board.tables, start=1)
    ]


def _grid(table: Table, columns: Sequence[Column], prefix: str) -> Grid:
    group = table.group
    uses = any(row.uses for row in table.rows)
    status = any(row.status != "finished" for row in table.rows)
    headers = ["Method", "Stream", "Order", "Backbone", "Seeds", *(c.title for c in columns)]
    align = ["left", "left", "left", "left", "right", *("right" for _ in columns)]
    for shown, title in ((uses, "Uses"), (status, "Status")):
        if shown:
            headers.append(title)
            align.append("left")
    marks = {column.name: _marks(table.rows, column) for column in columns}
    rows = []
    for number, row in enumerate(table.rows):
        cells = [
            Cell(row.method, reference=row.kind == "reference"),
            Cell(group.stream),
            Cell(group.order),
            Cell(group.backbone),
            Cell(NONE if row.seeds is None else str(row.seeds)),
        ]
        for column in columns:
            cell = Cell(_number(row.values.get(column.name)))
            best, second = marks[column.name]
            cells.append(replace(cell, best=number in best, second=number in second))
        if uses:
            cells.append(Cell(row.uses))
        if status:
            cells.append(Cell(row.status))
        rows.append(tuple(cells))
    reasons = [f"{row.method} {row.status}: {row.reason}" for row in table.rows if row.reason]
    return Grid(prefix + group.title, tuple(headers), tuple(align), tuple(rows), (*reasons, *table.notes))


def _number(interval: Interval | None) -> str:
    if interval is None:
        return NONE
    spread = "" if interval.half_width is None else f" ± {interval.half_width:.2f}"
    return f"{interval.mean:.2f}{spread}"


def _marks(rows: Sequence[Row], column: Column) -> tuple[set[int], set[int]]:
    """Numbers of the best and of the second best ranked rows; figures that print alike share a mark."""
    values = {
        number: round(row.values[column.name].mean, 2)
        for number, row in enumerate(rows)
        if row.kind == "ranked" and row.status == "finished" and column.name in row.values
    }
    if len(values) < 2:
        return set(), set()
    ranking = sorted(set(values.values()), reverse=column.higher_is_better)
    best = {n for n, value in values.items() if value == ranking[0]}
    second = {n for n, value in values.items() if len(ranking) > 1 and value == ranking[1]}
    return best, second
