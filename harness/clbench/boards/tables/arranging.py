"""Which records a board is made of, and in which order its tables and their rows stand."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType

from clbench.boards.tables.rows import Column, Row, best_first
from clbench.errors import UnknownNameError, did_you_mean
from clbench.results.records import Record

__all__ = ["FILTERS", "GROUPINGS", "chosen", "grouping", "sorted_rows", "unmatched"]

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

GROUPINGS = tuple(name for name in FILTERS if name != "method")
"""What tables may be put in order by; each of it keeps tables apart whatever comes first."""


def chosen(record: Record, only: Mapping[str, Collection[str]]) -> bool:
    """Return whether ``record`` has one of the names for each key of ``only``."""
    return all(FILTERS[kind](record) in wanted for kind, wanted in only.items())


def unmatched(records: Sequence[Record], only: Mapping[str, Collection[str]]) -> list[str]:
    """Return a line for each name that no record has: a typing error should not look like an empty result."""
    lines = []
    for kind, wanted in only.items():
        known = sorted({FILTERS[kind](record) for record in records})
        for name in wanted:
            if name not in known:
                near = did_you_mean(name, known)
                hint = f"; did you mean {' or '.join(near)}?" if near else f"; there is {', '.join(known)}"
                lines.append(f"no record has {kind.replace('_', ' ')} {name!r}{hint if known else ''}")
    return lines


def grouping(names: Sequence[str]) -> tuple[str, ...]:
    """Return ``names`` as keys of :data:`GROUPINGS`, each once.

    Raises:
        UnknownNameError: tables cannot be put in order by one of them.
    """
    keys = [name.replace("-", "_") for name in names]
    for name in keys:
        if name not in GROUPINGS:
            raise UnknownNameError("grouping", name, GROUPINGS)
    return tuple(dict.fromkeys(keys))


def sorted_rows(rows: Sequence[Row], columns: Sequence[Column], by: str) -> list[Row]:
    """Return ``rows`` with the best ``by`` first, or by name for ``method``; what is not finished comes last.

    Raises:
        UnknownNameError: it is none of the metrics shown.
    """
    column = next((c for c in columns if c.name == by), None)
    if column is None and by != "method":
        raise UnknownNameError(
            "column to sort by", by, [c.name for c in columns] + ["method"], fix="name it in --metrics, too"
        )
    return best_first(rows, column)
