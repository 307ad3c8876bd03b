"""Records → tables and figures. Nothing here imports torch; pandas and matplotlib wait for their use."""

from __future__ import annotations

from clbench.boards.board import Board, Table, board_of, leaderboard
from clbench.boards.figures import accuracy_heatmap, transfer_last_scatter
from clbench.boards.groups import Group
from clbench.boards.rendering import FORMATS, Format, encode, render
from clbench.boards.rows import DEFAULT_METRICS, Column, Row

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
