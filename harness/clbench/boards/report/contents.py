"""What a report says: of each protocol its tables and methods, of each method its runs and settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from clbench.boards.card import Card
from clbench.boards.claims.frame import ClaimsBoard
from clbench.boards.claims.tables import claim_grids
from clbench.boards.figures.courses import Subject, subjects_of
from clbench.boards.formats.cells import Grid
from clbench.boards.layouts.byname import LAYOUTS
from clbench.boards.layouts.views import Options
from clbench.boards.report.cautions import Caution, cautions_of
from clbench.boards.report.parts import MethodPart, RunPart, method_part
from clbench.boards.report.provenance import Origin, origins_of
from clbench.boards.tables.board import Board
from clbench.results.records import Record
from clbench.results.store import LoadedRecords

__all__ = ["MOST_EACH", "Protocol", "Report", "report_of"]

MOST_EACH = 6
"""Of so many rows each gets its own figures; of more the best of each protocol alone, unless asked for."""


@dataclass(frozen=True)
class Protocol:
    """Comparable runs.

    Attributes:
        subject: what is drawn.
        summary: the leaderboard's table.
        details: Transfer, Average and Last of each task.
        methods: best Average first.
    """

    subject: Subject
    summary: Grid
    details: tuple[Grid, ...]
    methods: tuple[MethodPart, ...]


@dataclass(frozen=True)
class Report:
    """All that the page says.

    Attributes:
        title: its headline.
        command: makes the page again.
        protocols: in the order of the leaderboard's tables.
        notes: on how the tables differ, and on what was left out.
        cautions: what a reader must know before using a figure, gravest first.
        cards: of the methods that are installed, by name.
        claims: published figures beside these records.
        claim_notes: how to read them.
        origins: code, packages and machines, most runs first.
        each: whether every row has figures of its own.
    """

    title: str
    command: str
    protocols: tuple[Protocol, ...]
    notes: tuple[str, ...]
    cautions: tuple[Caution, ...]
    cards: tuple[Card, ...]
    claims: tuple[Grid, ...]
    claim_notes: tuple[str, ...]
    origins: tuple[Origin, ...]
    each: bool = True

    @property
    def runs(self) -> tuple[RunPart, ...]:
        """All of them."""
        return tuple(run for protocol in self.protocols for part in protocol.methods for run in part.runs)


def report_of(
    loaded: LoadedRecords,
    board: Board,
    *,
    cards: Sequence[Card] = (),
    claims: ClaimsBoard | None = None,
    title: str = "",
    command: str = "clbench report",
    form: Callable[[Record], str] | None = None,
    each: bool | None = None,
) -> Report:
    """Return what a report of ``loaded`` says.

    Args:
        loaded: the records, at least one; those that could not be read are named.
        board: of the same records.
        cards: of the methods, where they are installed.
        claims: what is published of the methods, beside the records.
        title: the page's headline; told from the records if empty.
        command: makes the page again.
        form: tells in which form a record has its method's traps, see :class:`clbench.traps.TrapBook`.
        each: whether every row gets figures of its own; default: of up to :data:`MOST_EACH` rows.

    Raises:
        ValueError: there are no records.
    """
    if not loaded.stored:
        raise ValueError("there are no records to report")
    subjects = subjects_of(loaded.records)
    tables = {table.group: n for n, table in enumerate(board.tables)}
    summaries = LAYOUTS["summary"].grids(board, Options())
    protocols = []
    for subject in subjects:
        number = tables[subject.group]
        alone = replace(board, tables=(board.tables[number],), notes=())
        protocols.append(
            Protocol(
                subject,
                _without_place(summaries[number]),
                tuple(LAYOUTS["per-task"].grids(alone, Options())),
                tuple(method_part(subject, course, loaded) for course in subject.courses),
            )
        )
    return Report(
        title=title or _title(loaded.records),
        command=command,
        protocols=tuple(protocols),
        notes=board.notes,
        cautions=cautions_of(loaded, subjects, cards, form),
        cards=tuple(cards),
        claims=tuple(claim_grids(claims)) if claims else (),
        claim_notes=claims.notes if claims else (),
        origins=origins_of(loaded.records),
        each=sum(len(subject.courses) for subject in subjects) <= MOST_EACH if each is None else each,
    )


def _title(records: Sequence[Record]) -> str:
    methods = sorted({record.method.name for record in records})
    streams = sorted({record.stream.name for record in records})
    named = methods[0] if len(methods) == 1 else f"{len(methods)} methods"
    return f"{named} on {', '.join(streams)}"


def _without_place(grid: Grid) -> Grid:
    """The table without the columns in which all rows are alike and which its caption has."""
    place = {"Stream", "Order", "Backbone"}
    kept = [n for n, header in enumerate(grid.headers) if header not in place]
    return replace(
        grid,
        headers=tuple(grid.headers[n] for n in kept),
        align=tuple(grid.align[n] for n in kept),
        rows=tuple(tuple(row[n] for n in kept) for row in grid.rows),
    )
