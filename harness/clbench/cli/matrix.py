"""An accuracy matrix as a table for people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

__all__ = ["matrix_table"]

# Points away from zero-shot at which a colour becomes stronger.
_STRONG = 10.0
_SLIGHT = 1.0


def matrix_table(
    tasks: Sequence[str],
    rows: Mapping[int, Sequence[float | None]],
    zero_shot: Sequence[float | None],
    *,
    width: int,
    learning: int | None = None,
) -> Table:
    """Rows = after a task, columns = tasks; green above and red below the zero-shot row.

    Args:
        tasks: keys in stream order.
        rows: what is recorded so far, by row index, in percent.
        zero_shot: the initial model's row; may be empty.
        width: of the console; column heads are cut to fit it.
        learning: row that is being learned, marked.
    """
    label_width = min(max([len("zero-shot"), *(len(task) for task in tasks)]), 14) + 3
    column = min(max(5, *(len(task) for task in tasks)), 10, max(3, (width - label_width) // len(tasks) - 1))
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column("", no_wrap=True, width=label_width)
    for task in tasks:
        table.add_column(_cut(task, column), justify="right", no_wrap=True, width=column)
    if zero_shot:
        table.add_row(
            Text("zero-shot", style="dim"), *(Text(_number(v, column), style="dim") for v in zero_shot)
        )
    for i, task in enumerate(tasks):
        row = rows.get(i)
        mark = "▶ " if i == learning and row is None else "  "
        label = Text(mark + _cut(task, label_width - 3), style="" if row or i == learning else "dim")
        if row is None:
            table.add_row(label, *(Text("·", style="dim") for _ in tasks))
            continue
        cells = []
        for j, value in enumerate(row):
            base = zero_shot[j] if j < len(zero_shot) else None
            # As a span: the style of a whole cell would underline its padding too.
            cells.append(Text.assemble((_number(value, column), _style(value, base, diagonal=i == j))))
        table.add_row(label, *cells)
    return table


def _style(value: float | None, base: float | None, *, diagonal: bool) -> str:
    style = "underline " if diagonal else ""
    if value is None or base is None or math.isnan(value) or math.isnan(base):
        return style.strip()
    change = value - base
    if abs(change) < _SLIGHT:
        return style.strip()
    colour = "green" if change > 0 else "red"
    return style + (f"bold {colour}" if abs(change) >= _STRONG else colour)


def _number(value: float | None, width: int) -> str:
    if value is None or math.isnan(value):
        return "–"
    return f"{value:.1f}" if width >= 4 else f"{value:.0f}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
