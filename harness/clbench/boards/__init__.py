"""Records → tables and figures. Nothing here imports torch; pandas and matplotlib wait for their use."""

from __future__ import annotations

from clbench.boards.figures import accuracy_heatmap, transfer_last_scatter
from clbench.boards.layouts.rendering import FORMATS, Format, encode, render
from clbench.boards.tables.board import Board
from clbench.boards.tables.building import board_of, leaderboard
from clbench.boards.tables.groups import Group
from clbench.boards.tables.rows import DEFAULT_METRICS, Column, Row
from clbench.boards.tables.table import Table

__all__ = [
    "DEFAULT_METRICS",
    "FORMATS",
    "Board",
    "Column",
    "Format",
    "Group",
    "Row",
    "Table",
    "accuracy_heatmap",
    "board_of",
    "encode",
    "leaderboard",
    "render",
    "transfer_last_scatter",
]
