"""Tables for people: captions, headers and cells; what a cell looks like is up to the format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from clbench.results.statistics.intervals import Interval

__all__ = ["NONE", "Cell", "Grid", "in_sections", "number", "steady", "with_marks"]

NONE = "–"


@dataclass(frozen=True)
class Cell:
    """A text and how it stands out.

    Attributes:
        text: unescaped.
        best, second: the best and the second best of the ranked methods in its column.
        total: stands out as what sums up the others, such as their mean.
        reference: names a method that does not compete.
        marks: signs of the notes that belong to it, such as ``†``.
    """

    text: str
    best: bool = False
    second: bool = False
    total: bool = False
    reference: bool = False
    marks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Grid:
    """A table for people.

    Attributes:
        caption: what it is about.
        headers: one for each column.
        align: ``left`` or ``right`` for each column.
        rows: of cells, one for each column.
        notes: what belongs under it, one line each.
        sections: number of the first row and title of each block of rows; an untitled one is set off by a
            line. Empty: no blocks.
        spans: title and width of groups of columns, from the left; empty: none.
        label: short and unique, to refer to the table by.
    """

    caption: str
    headers: tuple[str, ...]
    align: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...]
    sections: tuple[tuple[int, str], ...] = ()
    spans: tuple[tuple[str, int], ...] = ()
    label: str = ""

    def flat_headers(self) -> tuple[str, ...]:
        """The headers, each with the title of its group in front."""
        titles = [title for title, width in self.spans for _ in range(width)]
        if not titles:
            return self.headers
        return tuple(f"{t} {h}".strip() for t, h in zip(titles, self.headers, strict=True))


def in_sections(grid: Grid) -> list[Grid]:
    """Return ``grid`` as one table for each of its blocks, for formats that cannot show blocks."""
    if not any(title for _, title in grid.sections):
        return [replace(grid, sections=())]
    starts = [start for start, _ in grid.sections]
    blocks = []
    for (start, title), end in zip(grid.sections, [*starts[1:], len(grid.rows)], strict=True):
        last = end == len(grid.rows)
        caption = f"{grid.caption}: {title}" if title else grid.caption
        rows, notes = grid.rows[start:end], grid.notes if last else ()
        blocks.append(replace(grid, caption=caption, rows=rows, notes=notes, sections=()))
    return blocks


def number(interval: Interval | None, decimals: int = 2, *, spread: bool = True) -> str:
    """Return ``mean ± half`` of the 95 % interval; without the interval if ``spread`` is false."""
    if interval is None:
        return NONE
    half = (
        "" if interval.half_width is None or not spread else f" ± {steady(interval.half_width):.{decimals}f}"
    )
    return f"{steady(interval.mean):.{decimals}f}{half}"


def steady(value: float) -> float:
    """Return ``value`` without its last bits: on a tie, a printed digit would hang on the order of sums."""
    return round(value, 9)


def with_marks(
    column: Mapping[int, Cell],
    values: Mapping[int, float],
    decimals: int = 2,
    *,
    higher_is_better: bool = True,
) -> dict[int, Cell]:
    """Return the cells of a column, the best and the second best of ``values`` marked.

    ``values`` has the rows that compete. Figures that print alike share a mark; one figure alone has none.
    """
    shown = {row: round(steady(value), decimals) for row, value in values.items()}
    ranking = sorted(set(shown.values()), reverse=higher_is_better) if len(shown) > 1 else []
    return {
        row: replace(cell, best=shown.get(row) in ranking[:1], second=shown.get(row) in ranking[1:2])
        for row, cell in column.items()
    }
