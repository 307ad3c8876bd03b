"""Records in, leaderboard out: what may be compared stands in one table, what may not never does."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from clbench.boards.rows import DEFAULT_METRICS, Column, Row, columns_of, rows_of
from clbench.errors import did_you_mean
from clbench.results.fingerprint import FingerprintFields, differing_parts
from clbench.results.records import Record
from clbench.results.store import load_records
from clbench.specs import MetricSpec

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FILTERS", "Board", "Group", "Table", "board_of", "leaderboard"]


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
        parts = [f"stream {self.stream}", f"order {self.order}", f"backbone {self.backbone}"]
        if self.shots is not None:
            parts.append(f"{self.shots} shots")
        return ", ".join([*parts, f"label space {self.label_space}"])


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
    """

    tables: tuple[Table, ...]
    columns: tuple[Column, ...]
    notes: tuple[str, ...]

    @property
    def frame(self) -> pd.DataFrame:
        """All rows as one data frame; numbers in percent, unrounded.

        Columns: table (number from 1), method, kind (``ranked`` or ``reference``), stream, protocol, order,
        backbone, label_space, fingerprint, seeds (how many), for each metric its mean and ``METRIC_ci95``
        (half the width of the 95 % interval over seeds; missing for a single seed), uses, status, reason.
        """
        import pandas as pd

        names = [name for column in self.columns for name in (column.name, f"{column.name}_ci95")]
        rows = []
        for number, table in enumerate(self.tables, start=1):
            group = table.group
            for row in table.rows:
                values: dict[str, object] = {}
                for column in self.columns:
                    interval = row.values.get(column.name)
                    values[column.name] = interval.mean if interval else None
                    values[f"{column.name}_ci95"] = interval.half_width if interval else None
                rows.append(
                    {
                        "table": number,
                        "method": row.method,
                        "kind": row.kind,
                        "stream": group.stream,
                        "protocol": group.protocol,
                        "order": group.order,
                        "backbone": group.backbone,
                        "label_space": group.label_space,
                        "fingerprint": group.fingerprint,
                        "seeds": row.seeds,
                        **values,
                        "uses": row.uses,
                        "status": row.status,
                        "reason": row.reason,
                    }
                )
        head = [
            "table",
            "method",
            "kind",
            "stream",
            "protocol",
            "order",
            "backbone",
            "label_space",
            "fingerprint",
        ]
        frame = pd.DataFrame(rows, columns=[*head, "seeds", *names, "uses", "status", "reason"])
        return frame.astype({"seeds": "Int64", **dict.fromkeys(names, "float64")})


def leaderboard(
    paths: Iterable[Path],
    *,
    metrics: Sequence[str] = DEFAULT_METRICS,
    extra: Sequence[MetricSpec] = (),
    only: Mapping[str, Collection[str]] | None = None,
) -> Board:
    """Return the leaderboard of all records under ``paths`` (files or folders).

    ``only`` names what to show, by a key of :data:`FILTERS`: ``{"order": ["I"]}``. A file that is no good
    record is named in the board's notes and stops nothing; so is a name in ``only`` that no record has.

    Raises:
        RecordError: a path does not exist.
        UnknownNameError: a metric that neither clbench nor ``extra`` provides.
    """
    loaded = load_records(list(paths))
    notes = [f"left out: {' '.join(str(problem).split())}" for problem in loaded.problems]
    return board_of(
        [record for record in loaded.records if _wanted(record, only or {})],
        metrics=metrics,
        extra=extra,
        notes=[*notes, *_unmatched(loaded.records, only or {})],
    )


FILTERS: Mapping[str, Callable[[Record], str]] = MappingProxyType(
    {
        "method": lambda record: record.method.name,
        "stream": lambda record: record.stream.name,
        "order": lambda record: record.stream.order,
        "shots": lambda record: str(record.stream.shots or "full"),
        "protocol": lambda record: record.stream.protocol,
        "backbone": lambda record: record.backbone.name,
        "label_space": lambda record: record.label_space,
    }
)
"""What records may be chosen by."""


def _wanted(record: Record, only: Mapping[str, Collection[str]]) -> bool:
    return all(FILTERS[kind](record) in wanted for kind, wanted in only.items())


def _unmatched(records: Sequence[Record], only: Mapping[str, Collection[str]]) -> list[str]:
    """Names that were asked for and that no record has: a typing error should not look like an empty result."""
    lines = []
    for kind, wanted in only.items():
        known = sorted({FILTERS[kind](record) for record in records})
        for name in wanted:
            if name not in known:
                near = did_you_mean(name, known)
                hint = f"; did you mean {' or '.join(near)}?" if near else f"; there is {', '.join(known)}"
                lines.append(f"no record has {kind.replace('_', ' ')} {name!r}{hint if known else ''}")
    return lines


def board_of(
    records: Iterable[Record],
    *,
    metrics: Sequence[str] = DEFAULT_METRICS,
    extra: Sequence[MetricSpec] = (),
    notes: Sequence[str] = (),
) -> Board:
    """Return the leaderboard of ``records``.

    Args:
        records: any mixture; those that may be compared come into one table.
        metrics: names of the metrics to show: ``transfer, average, last, forgetting`` or one of ``extra``.
        extra: further metrics, from plugins.
        notes: lines to put first among the board's notes.

    Raises:
        UnknownNameError: a metric that neither clbench nor ``extra`` provides.
    """
    columns = columns_of(metrics, extra)
    groups: dict[Group, list[Record]] = {}
    for record in records:
        groups.setdefault(Group.of(record), []).append(record)
    tables = []
    for group in sorted(groups, key=lambda g: _order(g, len(groups[g]))):
        rows, remarks = rows_of(groups[group], columns)
        tables.append(Table(group, groups[group][0].fingerprint.fields, tuple(rows), tuple(remarks)))
    return Board(tuple(tables), columns, (*notes, *_differences(tables)))


def _order(group: Group, records: int) -> tuple[str | int, ...]:
    # Of protocols that differ in details the one with most records comes first.
    shots = group.shots or 0
    place = (group.stream, group.order, shots, group.backbone, group.label_space)
    return (*place, -records, group.fingerprint)


def _differences(tables: Sequence[Table]) -> list[str]:
    """For each table but the first: in what it differs from the one that it resembles most."""
    lines = []
    for i, table in enumerate(tables[1:], start=1):
        others = [(_differing(tables[k], table), k) for k in range(i)]
        names, k = min(others, key=lambda found: (len(found[0]), found[1]))
        lines.append(f"table {i + 1} is not comparable with table {k + 1}: different {', '.join(names)}")
    return lines


def _differing(a: Table, b: Table) -> list[str]:
    names = [
        name
        for name in ("stream", "protocol", "order", "shots", "backbone", "label_space")
        if getattr(a.group, name) != getattr(b.group, name)
    ]
    if a.group.tasks != b.group.tasks and not {"stream", "order"} & set(names):
        names.append("tasks")
    names += [name for name in differing_parts(a.fields, b.fields) if name not in names]
    return names
