"""One table of a leaderboard: rows that may be compared; and what tells two tables apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clbench.boards.tables.groups import Group, differing
from clbench.boards.tables.rows import Row
from clbench.results.fingerprint import FingerprintFields

__all__ = ["Table", "differences", "resemblances"]


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
