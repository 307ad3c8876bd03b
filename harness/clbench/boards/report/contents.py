"""What a report says: of each protocol its tables and methods, of each method its runs and settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from clbench.boards.board import Board, Group
from clbench.boards.card import Card
from clbench.boards.cells import Grid
from clbench.boards.claims import ClaimsBoard
from clbench.boards.claimtables import claim_grids
from clbench.boards.courses import Course, Subject, subjects_of
from clbench.boards.layouts import LAYOUTS
from clbench.boards.report.cautions import Caution, cautions_of
from clbench.boards.report.provenance import Origin, origins_of
from clbench.boards.rerun import rerun_command, rerun_remarks
from clbench.boards.views import Options
from clbench.config.options import as_typed
from clbench.results.records import Record
from clbench.results.statistics import Interval, mean_interval
from clbench.results.store import LoadedRecords

__all__ = ["MethodPart", "Protocol", "Report", "RunPart", "Setting", "report_of"]

_SOURCES = {"default": "default (the paper's)", "tuned": "tuned for the stream", "user": "chosen by the user"}


@dataclass(frozen=True)
class Setting:
    """A setting as it is typed, and whose value it is."""

    name: str
    value: str
    source: str
    chosen: bool


@dataclass(frozen=True)
class RunPart:
    """A run: its record, where that lies, and how it is done again."""

    record: Record
    path: Path
    command: str
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class MethodPart:
    """Runs that differ in their seed alone, and what else there is of the method with these settings.

    Attributes:
        course: what is averaged.
        anchor: names it on the page.
        metrics: by title, in percent; empty before the end.
        settings: as recorded.
        runs: all, also those that do not count.
    """

    course: Course
    anchor: str
    metrics: dict[str, Interval]
    settings: tuple[Setting, ...]
    runs: tuple[RunPart, ...]


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
) -> Report:
    """Return what a report of ``loaded`` says.

    Args:
        loaded: the records, at least one; those that could not be read are named.
        board: of the same records.
        cards: of the methods, where they are installed.
        claims: what is published of the methods, beside the records.
        title: the page's headline; told from the records if empty.
        command: makes the page again.

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
                tuple(_method(subject, course, loaded) for course in subject.courses),
            )
        )
    return Report(
        title=title or _title(loaded.records),
        command=command,
        protocols=tuple(protocols),
        notes=board.notes,
        cautions=cautions_of(loaded, subjects, cards),
        cards=tuple(cards),
        claims=tuple(claim_grids(claims)) if claims else (),
        claim_notes=claims.notes if claims else (),
        origins=origins_of(loaded.records),
    )


def _title(records: Sequence[Record]) -> str:
    methods = sorted({record.method.name for record in records})
    streams = sorted({record.stream.name for record in records})
    named = methods[0] if len(methods) == 1 else f"{len(methods)} methods"
    return f"{named} on {', '.join(streams)}"


def _method(subject: Subject, course: Course, loaded: LoadedRecords) -> MethodPart:
    first = course.records[0]
    alike = [
        stored
        for stored in loaded.stored
        if stored.record in course.records or _same_configuration(stored.record, first, subject)
    ]
    runs = tuple(
        RunPart(s.record, s.path, rerun_command(s.record), rerun_remarks(s.record))
        for s in sorted(alike, key=lambda s: (s.record.seed, str(s.path)))
    )
    settings = tuple(
        Setting(name, as_typed(value), _SOURCES[first.method.settings_sources[name]], chosen)
        for name, value in first.method.settings.items()
        for chosen in [first.method.settings_sources[name] != "default"]
    )
    return MethodPart(course, f"{subject.stem}-{subject.slug(course)}", _metrics(course), settings, runs)


def _same_configuration(a: Record, b: Record, subject: Subject) -> bool:
    """Whether two records differ in nothing but their seed, state and moment."""
    one, other = a.method, b.method
    alike = (one.name, one.version, a.generator) == (other.name, other.version, b.generator)
    return alike and one.settings == other.settings and Group.of(a) == subject.group


def _metrics(course: Course) -> dict[str, Interval]:
    values: dict[str, Interval] = {}
    found = [record.metrics for record in course.records if record.metrics is not None]
    for name in ("transfer", "average", "last", "forgetting"):
        known = [x for metrics in found for x in [getattr(metrics, name)] if x is not None]
        if known and len(known) == len(course.records):
            values[name.capitalize()] = mean_interval(known)
    return values


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
