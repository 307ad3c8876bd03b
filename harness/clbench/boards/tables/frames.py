"""Boards as pandas data frames: one flat row for each line of the tables, figures unrounded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from clbench.boards.tables.columns import FIELDS, METRICS_FIELD, Field, select
from clbench.boards.tables.rows import Column, Row
from clbench.boards.tables.table import Table
from clbench.results.statistics.intervals import Interval

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PLACE", "frame_of", "place", "typed"]

PLACE = (
    "method",
    "kind",
    "stream",
    "protocol",
    "order",
    "shots",
    "backbone",
    "label_space",
    "fingerprint",
    "seeds",
)
"""What a line is and where it stands, as columns."""


def frame_of(
    tables: Sequence[Table], metrics: Sequence[Column], columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return all rows of ``tables``; a metric has a second column ``METRIC_ci95``, half its 95 % interval.

    Args:
        tables: their number, from 1, is in the column ``table``.
        metrics: what was computed for their rows.
        columns: names of fields and metrics.  Default: :attr:`clbench.boards.Board.frame`'s.

    Raises:
        UnknownNameError: no such column.
    """
    ranks = ("rank_best", "rank_worst", "letters") if any(r.ranks for t in tables for r in t.rows) else ()
    default = (*PLACE, *ranks, METRICS_FIELD, "uses", "status", "reason")
    chosen = select(columns or default, metrics)
    names = ["table"]
    for name, column in chosen:
        names += [name] if isinstance(column, Field) else [name, f"{name}_ci95"]
    rows = []
    for number, table in enumerate(tables, start=1):
        for row in table.rows:
            values: dict[str, object] = {"table": number}
            for name, column in chosen:
                if isinstance(column, Field):
                    values[name] = column.value(row, table.group)
                else:
                    values |= _figure(name, row.values.get(name))
            rows.append(values)
    figures = [name for name, column in chosen if not isinstance(column, Field)]
    whole = [
        n for n, c in chosen if isinstance(c, Field) and c.align == "right" and n not in ("threads", "rank")
    ]
    return typed(rows, names, figures, whole)


def place(row: Row, table: Table) -> dict[str, object]:
    """Return what a line is and where it stands."""
    return {name: FIELDS[name].value(row, table.group) for name in PLACE}


def typed(
    rows: Sequence[dict[str, object]], names: Sequence[str], metrics: Iterable[str], whole: Iterable[str] = ()
) -> pd.DataFrame:
    """Return ``rows`` as a data frame: ``metrics`` and their intervals as floats, ``whole`` as counts."""
    import pandas as pd

    frame = pd.DataFrame(rows, columns=list(names))
    floats = [name for metric in metrics for name in (metric, f"{metric}_ci95")]
    counts = [name for name in whole if not name.endswith("_seconds")]
    seconds = [name for name in whole if name.endswith("_seconds")]
    return frame.astype({**dict.fromkeys(counts, "Int64"), **dict.fromkeys([*floats, *seconds], "float64")})


def _figure(name: str, interval: Interval | None) -> dict[str, object]:
    if interval is None:
        return {name: None, f"{name}_ci95": None}
    return {name: interval.mean, f"{name}_ci95": interval.half_width}
