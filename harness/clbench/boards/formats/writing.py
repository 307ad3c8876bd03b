"""Grids for people and data frames for programs, as text; whatever the tables are about."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from clbench.boards.formats.cells import Cell, Grid, in_sections
from clbench.printing import SENTENCE, as_json, for_csv, for_markdown, one_line, whole

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "frame_as_csv",
    "frame_as_json",
    "frame_as_parquet",
    "frame_records",
    "grids_as_markdown",
    "grids_as_text",
]


def grids_as_text(
    grids: Iterable[Grid], notes: Iterable[str], *, empty: str = "no records", wrapped: bool = False
) -> str:
    """Return tables for a terminal, and ``notes`` behind them; ``empty`` where there is no table.

    ``wrapped``: line ends in cells are where the caller has broken them, and stay.
    """
    from tabulate import tabulate

    def mark(cell: Cell) -> str:
        lines = _marked(cell).split("\n") if wrapped else [_marked(cell)]
        return "\n".join(map(_line, lines))

    blocks = []
    for table in (block for grid in grids for block in in_sections(grid)):
        body = tabulate(
            [[mark(cell) for cell in row] for row in table.rows],
            headers=_stacked(table),
            tablefmt="simple",
            colalign=table.align,
            disable_numparse=True,
        )
        blocks.append(
            "\n".join([_line(table.caption), "", body, *(f"* {_line(note)}" for note in table.notes)])
        )
    return _with_notes(blocks or [empty], map(_line, notes), bullet="* ")


def grids_as_markdown(grids: Iterable[Grid], notes: Iterable[str], *, empty: str = "no records") -> str:
    """Return tables in Markdown, and ``notes`` behind them; ``empty`` where there is no table."""
    from tabulate import tabulate

    def mark(cell: Cell) -> str:
        text = _markdown(_marked(cell))
        return f"**{text}**" if cell.best or cell.total else f"*{text}*" if cell.reference else text

    blocks = []
    for table in (block for grid in grids for block in in_sections(grid)):
        body = tabulate(
            [[mark(cell) for cell in row] for row in table.rows],
            headers=[_markdown(header) for header in table.flat_headers()],
            tablefmt="pipe",
            colalign=table.align,
            disable_numparse=True,
        )
        remarks = [f"- {for_markdown(note)}" for note in table.notes]
        blocks.append(
            "\n".join([f"**{for_markdown(table.caption)}**", "", body, *([""] if remarks else []), *remarks])
        )
    return _with_notes(blocks or [empty], map(for_markdown, notes), bullet="- ")


def frame_as_csv(frame: pd.DataFrame) -> str:
    """Return the rows as CSV, unrounded; a missing value is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [str(name) for name in frame.columns], lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: for_csv(x) for name, x in row.items()} for row in frame_records(frame))
    return text.getvalue()


def frame_as_parquet(frame: pd.DataFrame) -> bytes:
    """Return the rows as an Apache Parquet file, unrounded, columns typed; a missing value is null."""
    stream = io.BytesIO()
    texts = frame.select_dtypes(include=["object", "string"]).columns
    frame = frame.assign(**{name: frame[name].map(whole, na_action="ignore") for name in texts})
    frame.to_parquet(stream, engine="pyarrow", index=False)
    return stream.getvalue()


def frame_as_json(frame: pd.DataFrame) -> str:
    """Return the rows as a JSON list, unrounded; a missing value is null."""
    return as_json(frame_records(frame), indent=2)


def frame_records(frame: pd.DataFrame) -> list[dict[str, object]]:
    """Return the rows as plain Python values; a missing value is ``None``."""
    return [
        {str(name): _plain(value) for name, value in row.items()}
        for row in frame.astype(object).to_dict(orient="records")
    ]


def _marked(cell: Cell) -> str:
    return f"{cell.text} {','.join(cell.marks)}" if cell.marks else cell.text


def _line(text: str) -> str:
    return one_line(text, SENTENCE)


def _markdown(text: str) -> str:
    """The words of a cell, which begins no line: a sign or a number in front needs no mark."""
    return for_markdown(f".{text}")[1:]


def _stacked(table: Grid) -> tuple[str, ...]:
    """Headers under the titles of their groups."""
    titles = [title for title, width in table.spans for _ in range(width)]
    if not titles:
        return tuple(map(_line, table.headers))
    return tuple(
        f"{_line(title)}\n{_line(header)}" for title, header in zip(titles, table.headers, strict=True)
    )


def _plain(value: object) -> object:
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, str | int | float):
        return value
    return None  # pandas' own sign of a missing value


def _with_notes(blocks: Iterable[str], notes: Iterable[str], bullet: str) -> str:
    lines = "\n".join(f"{bullet}{note}" for note in notes)
    return "\n\n".join([*blocks, *([lines] if lines else [])])
