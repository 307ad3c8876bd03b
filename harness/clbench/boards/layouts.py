"""Ways to lay out a board, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING

from clbench.boards.board import Board
from clbench.boards.cells import Grid
from clbench.boards.frames import board_frame
from clbench.boards.orders import across_orders, across_orders_frame, across_orders_notes
from clbench.boards.pertask import per_task, per_task_frame
from clbench.boards.summary import summary
from clbench.boards.views import Options

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
        "summary": Layout("a column for each metric", summary, board_frame),
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
    }
)
"""By name, the default first."""
