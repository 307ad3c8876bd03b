"""The literature as tables: what papers print, by setting, order, shots and protocol family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = [
    "METRICS",
    "UNKNOWN",
    "Literature",
    "PublishedGroup",
    "PublishedRow",
    "PublishedTable",
    "Recomputed",
]

METRICS = ("transfer", "average", "last")

UNKNOWN = "unknown"
"""The protocol family of rows of which it cannot be told."""


@dataclass(frozen=True)
class PublishedGroup:
    """What the rows of a published table share, in the terms of :class:`clbench.boards.Group`.

    Attributes:
        setting: as the collection calls it.
        stream: the stream's name in clbench; empty where it cannot be told.
        protocol: the protocol family, ``unknown`` where it cannot be told.
        order, shots, label_space, backbone: as in records; shots are ``full`` for all data.
    """

    setting: str
    stream: str
    protocol: str
    order: str
    shots: str
    label_space: str
    backbone: str

    @property
    def title(self) -> str:
        """One line for people."""
        shots = "all data" if self.shots == "full" else f"{self.shots} shots"
        return f"{self.setting}, order {self.order}, {shots}, protocol family {self.protocol}"


@dataclass(frozen=True)
class PublishedRow:
    """A method in a table of a paper.

    Attributes:
        method: as the collection calls it.
        learns: ``stream``, ``zero_shot`` or ``independent``, as in records.
        figures: in percent as printed, by metric.
        kind: ``own``, ``rerun`` or ``quoted``.
        table, source: the paper's table, and the document that it was read in.
        facts: further columns of the collection: venue_year, extra_data, note, protocol_from, …
        tasks: by metric and data set, where the paper prints them.
        suspect: by metric, the mean of the printed values of the tasks where it contradicts the printed mean.
    """

    method: str
    learns: str
    figures: Mapping[str, float]
    kind: str
    table: str
    source: str
    facts: Mapping[str, str] = field(default_factory=dict)
    tasks: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    suspect: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class PublishedTable:
    """Rows of one setting, order, number of shots and protocol family."""

    group: PublishedGroup
    rows: tuple[PublishedRow, ...]


@dataclass(frozen=True)
class Recomputed:
    """Figures of a published matrix: as printed, and as :mod:`clbench.metrics` computes them, unrounded."""

    method: str
    order: str
    paper: str
    precision: str
    source: str
    printed: Mapping[str, float]
    figures: Mapping[str, float]


@dataclass(frozen=True)
class Literature:
    """Published figures.

    Attributes:
        tables: of Transfer, Average and Last.
        per_task: of the values of every data set.
        recomputed: from whole matrices.
        tasks: the data sets' names in alphabetical order, the columns of ``per_task``.
        notes: names that were asked for and that nothing has.
    """

    tables: tuple[PublishedTable, ...]
    per_task: tuple[PublishedTable, ...]
    recomputed: tuple[Recomputed, ...]
    tasks: tuple[str, ...]
    notes: tuple[str, ...] = ()
