"""What a site shows: boards with their rows, methods and runs, each with the name of its page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from clbench.boards.claims.frame import Comparison
from clbench.boards.tables.board import Board
from clbench.boards.tables.costs import Cost
from clbench.boards.tables.groups import Group
from clbench.boards.tables.rows import Row
from clbench.boards.tables.table import Table
from clbench.results.records import AssumptionsRecord, Record
from clbench.specs import MethodSpec

__all__ = ["BoardPage", "Contents", "Known", "MethodPage", "RowView", "Run"]


@dataclass(frozen=True)
class Known:
    """What an installed package tells of a method: its spec, and the package with its version."""

    spec: MethodSpec
    package: str


@dataclass(frozen=True)
class Run:
    """A record, where it was read, and its page.

    Attributes:
        record: the record.
        source: its file.
        name: of its page, unique on the site.
        published: the file as it is published, where something personal was left out of it.
        label: the row that it belongs to.
        counts: whether it is part of that row; older runs of the same seed are not.
        form: in which it has its method's traps, see :class:`clbench.traps.TrapBook`; empty: not told.
    """

    record: Record
    source: Path
    name: str
    published: bytes | None = None
    label: str = ""
    counts: bool = True
    form: str = ""


@dataclass(frozen=True)
class RowView:
    """A row of a board with all that is linked from it.

    Attributes:
        row: the row.
        page: name of the method's page; ``None`` for a row that no record stands behind.
        runs: what it averages, by seed.
        assumptions: what the method takes for granted.
        cost: what it cost; ``None`` where there is none or the runs were on different machines.
    """

    row: Row
    page: str | None
    runs: tuple[Run, ...]
    assumptions: AssumptionsRecord
    cost: Cost | None

    @property
    def ranks(self) -> tuple[int, int] | None:
        """Best and worst rank; ``None`` where none is claimed."""
        return self.row.ranks


@dataclass(frozen=True)
class BoardPage:
    """A table of comparable rows.

    Attributes:
        table: the table.
        title: stream and order, and what else tells it from the other boards.
        name: of its page.
        rows: its rows, in the table's order.
        runs: all its runs, those that no row averages too.
        nearest: name of the earlier board that it is most like; empty for the first.
        differs: in what it differs from that one, names with commas; empty for the first.
    """

    table: Table
    title: str
    name: str
    rows: tuple[RowView, ...]
    runs: tuple[Run, ...]
    nearest: str = ""
    differs: str = ""

    @property
    def group(self) -> Group:
        """What all rows share."""
        return self.table.group

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know: what did not finish and why, then the table's notes."""
        rows = self.table.rows
        unfinished = (f"{row.method} {row.status}: {row.reason}" for row in rows if row.reason)
        return (*unfinished, *self.table.notes)


@dataclass(frozen=True)
class MethodPage:
    """A method, its rows on all boards, and what is published of it.

    Attributes:
        name: of its page.
        known: its spec and package; made from its records where the package is not installed.
        installed: whether it is.
        rows, runs: with the board they are on.
        claims: published rows of streams of tasks, with what the runs say of them.
        others: published figures of other tasks.
    """

    name: str
    known: Known
    installed: bool
    rows: tuple[tuple[BoardPage, RowView], ...]
    runs: tuple[tuple[BoardPage, Run], ...]
    claims: tuple[Comparison, ...] = ()
    others: tuple[Comparison, ...] = ()


@dataclass(frozen=True)
class Contents:
    """Everything that pages are made of."""

    board: Board
    boards: tuple[BoardPage, ...]
    methods: tuple[MethodPage, ...]
    runs: tuple[Run, ...]
    left_out: tuple[str, ...] = ()
