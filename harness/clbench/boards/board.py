"""Records in, leaderboard out: what may be compared stands in one table, what may not never does."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clbench.boards.arranging import chosen, grouping, sorted_rows, unmatched
from clbench.boards.rows import DEFAULT_METRICS, Column, Row, columns_of, rows_of
from clbench.results.fingerprint import FingerprintFields, differing_parts
from clbench.results.records import Record
from clbench.results.store import load_records
from clbench.specs import MetricSpec

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Board", "Group", "Table", "board_of", "differences", "leaderboard", "resemblances"]


@dataclass(frozen=True)
class Group:
    """What all rows of a table share; records that differ in any of it are never averaged or ranked together.

    Attributes:
        stream, protocol, order, backbone, label_space: as in the record.
        tasks: task keys in order.
        fingerprint: digest of the protocol fingerprint.
        shots: training samples per class; ``None``: all.
    """

    stream: str
    protocol: str
    order: str
    backbone: str
    label_space: str
    tasks: tuple[str, ...]
    fingerprint: str
    shots: int | None = None

    @classmethod
    def of(cls, record: Record) -> Group:
        """The group a record belongs to."""
        return cls(
            stream=record.stream.name,
            protocol=record.stream.protocol,
            order=record.stream.order,
            backbone=record.backbone.name,
            label_space=record.label_space,
            tasks=tuple(task.key for task in record.stream.tasks),
            fingerprint=record.fingerprint.digest,
            shots=record.stream.shots,
        )

    @property
    def title(self) -> str:
        """One line for people."""
        return self.titled()

    def titled(self, first: Sequence[str] = ()) -> str:
        """One line for people, the parts that ``first`` names in front; shots where not all data are used."""
        parts = {
            "stream": f"stream {self.stream}",
            "protocol": f"protocol {self.protocol}",
            "order": f"order {self.order}",
            "shots": "all data" if self.shots is None else f"{self.shots} shots",
            "backbone": f"backbone {self.backbone}",
            "label_space": f"label space {self.label_space}",
        }
        plain = {"protocol": self.protocol in ("", self.stream), "shots": self.shots is None}
        rest = [name for name in parts if name not in first and not plain.get(name)]
        return ", ".join(parts[name] for name in (*first, *rest))


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
    groups: dict[Group, list[Record]] = {}
    for record in records:
        groups.setdefault(Group.of(record), []).append(record)
    tables = []
    for group in sorted(groups, key=lambda g: (_named(g, by), _order(g, len(groups[g])))):
        rows, remarks = rows_of(groups[group], columns)
        rows = rows if sort is None else sorted_rows(rows, columns, sort)
        tables.append(Table(group, groups[group][0].fingerprint.fields, tuple(rows), tuple(remarks)))
    remarks = [column.remark for column in columns if column.remark]
    return Board(tuple(tables), columns, (*notes, *remarks, *differences(tables)), by)


def _named(group: Group, names: Sequence[str]) -> tuple[str | int, ...]:
    return tuple(group.shots or 0 if name == "shots" else getattr(group, name) for name in names)


def _order(group: Group, records: int) -> tuple[str | int, ...]:
    # Of protocols that differ in details the one with most records comes first.
    shots = group.shots or 0
    place = (group.stream, group.order, shots, group.backbone, group.label_space)
    return (*place, -records, group.fingerprint)


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
        others = [(differing(tables[k], table), k) for k in range(i)]
        names, k = min(others, key=lambda each: (len(each[0]), each[1]))
        found.append((k, names))
    return found


def differing(a: Table, b: Table) -> list[str]:
    """Return in words what keeps two tables from being one."""
    names = [
        name
        for name in ("stream", "protocol", "order", "shots", "backbone", "label_space")
        if getattr(a.group, name) != getattr(b.group, name)
    ]
    if a.group.tasks != b.group.tasks and not {"stream", "order"} & set(names):
        names.append("tasks")
    names += [name for name in differing_parts(a.fields, b.fields) if name not in names]
    return names
