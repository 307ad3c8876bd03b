"""A leaderboard: what may be compared stands in one table, what may not never does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clbench.boards.tables.frames import frame_of
from clbench.boards.tables.rows import Column
from clbench.boards.tables.table import Table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Board"]


@dataclass(frozen=True)
class Board:
    """A leaderboard: one table for each group of comparable records.

    Attributes:
        tables: the tables.
        columns: the metrics shown, in order.
        notes: what a reader of all of it must know: how tables differ, which files were left out.
        group_by: what the tables were put in order by, before all else.
    """

    tables: tuple[Table, ...]
    columns: tuple[Column, ...]
    notes: tuple[str, ...]
    group_by: tuple[str, ...] = ()

    @property
    def frame(self) -> pd.DataFrame:
        """All rows as one data frame; numbers in percent, unrounded.

        Columns: table (number from 1), method, kind (``ranked`` or ``reference``), stream, protocol, order,
        shots, backbone, label_space, fingerprint, seeds (how many), rank_best, rank_worst and letters
        (where ranks are known), for each metric its mean and ``METRIC_ci95`` (half the width of the 95 %
        interval; missing where nothing is known of it), uses, status, reason.
        """
        return frame_of(self.tables, self.columns)
