"""Grids for people and data frames for programs, as text; whatever the tables are about."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from clbench.boards.formats.cells import Cell, Grid, in_sections

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


def grids_as_text(grids: Iterable[Grid], notes: Iterable[str], *, empty: str = "no records") -> str:
    """Return tables for a terminal, and ``notes`` behind them; ``empty`` where there is no table."""
    from tabulate import tabulate

    blocks = []
    for table in (block for grid in grids for block in in_sections(grid)):
        body = tabulate(
            [[_marked(cell) for cell in row] for row in table.rows],
            headers=_stacked(table),
            tablefmt="simple",
            colalign=table.align,
            disable_numparse=True,
        )
        blocks.append("\n".join([table.caption, "", body, *(f"* {note}" for note in table.notes)]))
    return _with_notes(blocks or [empty], notes, bullet="* ")


def grids_as_markdown(grids: Iterable[Grid], notes: Iterable[str], *, empty: str = "no records") -> str:
    """Return tables in Markdown, and ``notes`` behind them; ``empty`` where there is no table."""
    from tabulate import tabulate

    def mark(cell: Cell) -> str:
        text = _plain_markdown(_marked(cell)).replace("|", r"\|")
        return f"**{text}**" if cell.best or cell.total else f"*{text}*" if cell.reference else text

    blocks = []
    for table in (block for grid in grids for block in in_sections(grid)):
        body = tabulate(
            [[mark(cell) for cell in row] for row in table.rows],
            headers=table.flat_headers(),
            tablefmt="pipe",
            colalign=table.align,
            disable_numparse=True,
        )
        remarks = [f"- {_plain_markdown(note)}" for note in table.notes]
        blocks.append("\n".join([f"**{table.caption}**", "", body, *([""] if remarks else []), *remarks]))
    return _with_notes(blocks or [empty], map(_plain_markdown, notes), bullet="- ")


def frame_as_csv(frame: pd.DataFrame) -> str:
    """Return the rows as CSV, unrounded; a missing value is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [str(name) for name in frame.columns], lineterminator="\n")
    writer.writeheader()
    writer.writerows(frame_records(frame))
    return text.getvalue()


def frame_as_parquet(frame: pd.DataFrame) -> bytes:
    """Return the rows as an Apache Parquet file, unrounded, columns typed; a missing value is null."""
    stream = io.BytesIO()
    frame.to_parquet(stream, engine="pyarrow", index=False)
    return stream.getvalue()


def frame_as_json(frame: pd.DataFrame) -> str:
    """Return the rows as a JSON list, unrounded; a missing value is null."""
    return json.dumps(frame_records(frame), indent=2, ensure_ascii=False, allow_nan=False)


def frame_records(frame: pd.DataFrame) -> list[dict[str, object]]:
    """Return the rows as plain Python values; a missing value is ``None``."""
    return [
        {str(name): _plain(value) for name, value in row.items()}
        for row in frame.astype(object).to_dict(orient="records")
    ]


def _marked(cell: Cell) -> str:
    return f"{cell.text} {','.join(cell.marks)}" if cell.marks else cell.text


def _plain_markdown(text: str) -> str:
    return text.replace("*", r"\*")


def _stacked(table: Grid) -> tuple[str, ...]:
    """Headers under the titles of their groups."""
    titles = [title for title, width in table.spans for _ in range(width)]
    if not titles:
        return table.headers
    return tuple(f"{title}\n{header}" for title, header in zip(titles, table.headers, strict=True))


def _plain(value: object) -> object:
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, str | int | float):
        return value
    return None  # pandas' own sign of a missing value


def _with_notes(blocks: Iterable[str], notes: Iterable[str], bullet: str) -> str:
    lines = "\n".join(f"{bullet}{note}" for note in notes)
    return "\n\n".join([*blocks, *([lines] if lines else [])])
