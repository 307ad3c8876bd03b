"""Records in, leaderboard out: what may be compared stands in one table, what may not never does."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clbench.boards.arranging import chosen, grouping, sorted_rows, unmatched
from clbench.boards.groups import Group, differing, grouped
from clbench.boards.rows import DEFAULT_METRICS, Column, Row, columns_of, rows_of
from clbench.results.fingerprint import FingerprintFields
from clbench.results.records import Record
from clbench.results.store import load_records
from clbench.specs import MetricSpec

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Board", "Table", "board_of", "differences", "leaderboard", "resemblances"]


@dataclass(frozen=True)
class Table:
    """Comparable rows, best average first, unfinished ones last.

    Attributes:
        group: what the rows share.
        fields: the fields of their common fingerprint.
        rows: the rows.
        notes: what a reader of this table must know, one line each.
    """

    group: Group
    fields: FingerprintFields
    rows: tuple[Row, ...]
    notes: tuple[str, ...]


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
        shots, backbone, label_space, fingerprint, seeds (how many), group (where rank groups are known), for
        each metric its mean and ``METRIC_ci95`` (half the width of the 95 % interval over seeds; missing for
        a single seed), uses, status, reason.
        """
        from clbench.boards.frames import board_frame

        return board_frame(self)


def leaderboard(
    paths: Iterable[Path],
    *,
    metrics: Sequence[str] = DEFAULT_METRICS,
    extra: Sequence[MetricSpec] = (),
    only: Mapping[str, Collection[str]] | None = None,
    group_by: Sequence[str] = (),
    sort: str | None = None,
    groups: bool | None = None,
) -> Board:
    """Return the leaderboard of all records under ``paths`` (files or folders).

    ``groups`` is whether rows get rank groups, for which predictions beside the records are read; see
    :func:`clbench.boards.ranking.with_rank_groups`.

    ``only`` names what to show, by a key of :data:`clbench.boards.arranging.FILTERS`: ``{"order": ["I"]}``.
    A file that is no good record is named in the board's notes and stops nothing; so is a name in ``only``
    that no record has. For the others see :func:`board_of`.

    Raises:
        RecordError: a path does not exist.
        UnknownNameError: no such metric, grouping, or metric to sort by.
    """
    loaded = load_records(list(paths))
    notes = [f"left out: {problem.error.line}" for problem in loaded.problems]
    board = board_of(
        [record for record in loaded.records if chosen(record, only or {})],
        metrics=metrics,
        extra=extra,
        notes=[*notes, *unmatched(loaded.records, only or {})],
        group_by=group_by,
        sort=sort,
    )
    from clbench.boards.ranking import with_rank_groups

    return with_rank_groups(board, loaded.stored, sort, wanted=groups)


def board_of(
    records: Iterable[Record],
    *,
    metrics: Sequence[str] = DEFAULT_METRICS,
    extra: Sequence[MetricSpec] = (),
    notes: Sequence[str] = (),
    group_by: Sequence[str] = (),
    sort: str | None = None,
) -> Board:
    """Return the leaderboard of ``records``.

    Args:
        records: any mixture; those that may be compared come into one table.
        metrics: names of the metrics to show, of :mod:`clbench.definitions` or of ``extra``.
        extra: further metrics, from plugins.
        notes: lines to put first among the board's notes.
        group_by: what to put the tables in order by, before all else, of ``stream, order, shots, protocol,
            backbone, label_space``. It never brings rows together that may not be compared.
        sort: the metric whose best value comes first, or ``method``.  Default: average.

    Raises:
        UnknownNameError: no such metric, grouping, or metric to sort by.
    """
    columns, by = columns_of(metrics, extra), grouping(group_by)
    if sort is not None:
        sorted_rows([], columns, sort)
    groups = grouped(records)
    tables = []
    for group in sorted(groups, key=lambda group: _named(group, by)):
        rows, remarks = rows_of(groups[group], columns)
        rows = rows if sort is None else sorted_rows(rows, columns, sort)
        tables.append(Table(group, groups[group][0].fingerprint.fields, tuple(rows), tuple(remarks)))
    remarks = [column.remark for column in columns if column.remark]
    return Board(tuple(tables), columns, (*notes, *remarks, *differences(tables)), by)


def _named(group: Group, names: Sequence[str]) -> tuple[str | int, ...]:
    return tuple(group.shots or 0 if name == "shots" else getattr(group, name) for name in names)


def differences(tables: Sequence[Table]) -> list[str]:
    """Return a line for each table but the first: in what it differs from the one that it resembles most."""
    return [
        f"table {i + 1} is not comparable with table {k + 1}: different {', '.join(names)}"
        for i, (k, names) in enumerate(resemblances(tables), start=1)
    ]


def resemblances(tables: Sequence[Table]) -> list[tuple[int, list[str]]]:
    """Return for each table but the first: the earlier one it resembles most, and what differs."""
    found = []
    for i, table in enumerate(tables[1:], start=1):
        others = [
            (differing(tables[k].group, table.group, tables[k].fields, table.fields), k) for k in range(i)
        ]
        names, k = min(others, key=lambda each: (len(each[0]), each[1]))
        found.append((k, names))
    return found
