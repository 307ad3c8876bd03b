"""Ways to lay out a board, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING

from clbench.boards.formats.cells import Grid
from clbench.boards.layouts.orders import across_orders, across_orders_frame, across_orders_notes
from clbench.boards.layouts.pertask import per_task, per_task_frame
from clbench.boards.layouts.spaces import across_spaces, across_spaces_frame, across_spaces_notes
from clbench.boards.layouts.summary import summary
from clbench.boards.layouts.views import Options
from clbench.boards.tables.board import Board
from clbench.boards.tables.frames import frame_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LAYOUTS", "Layout"]


@dataclass(frozen=True)
class Layout:
    """A way to lay out a board.

    Attributes:
        about: one line.
        grids: makes the tables for people.
        frame: makes the rows for programs, of the columns chosen, if any were.
        notes: what belongs under all of its tables.
    """

    about: str
    grids: Callable[[Board, Options], list[Grid]]
    frame: Callable[[Board, Sequence[str] | None], pd.DataFrame]
    notes: Callable[[Board], tuple[str, ...]] = attrgetter("notes")


LAYOUTS: Mapping[str, Layout] = MappingProxyType(
    {
        "summary": Layout(
            "a column for each metric",
            summary,
            lambda board, columns: frame_of(board.tables, board.columns, columns),
        ),
        "per-task": Layout(
            "Transfer, Average and Last of every task, as in the MTIL papers",
            per_task,
            lambda board, _: per_task_frame(board),
        ),
        "across-orders": Layout(
            "orders side by side, and their mean",
            across_orders,
            lambda board, _: across_orders_frame(board),
            across_orders_notes,
        ),
        "label-spaces": Layout(
            "label spaces side by side, and what more classes to choose from cost",
            across_spaces,
            lambda board, _: across_spaces_frame(board),
            across_spaces_notes,
        ),
    }
)
"""By name, the default first."""
