"""What a site shows: boards with their rows, methods and runs, each with the name of its page."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from clbench.boards.board import Board, Group, Table, board_of
from clbench.boards.card import Cost, costs_of
from clbench.boards.claims import Comparison
from clbench.boards.ranking import with_rank_groups
from clbench.boards.rows import Row
from clbench.boards.site.naming import Names
from clbench.results.claims import Claim, OtherClaim
from clbench.results.records import AssumptionsRecord, Record
from clbench.results.store import LoadedRecords
from clbench.specs import Assumptions, MethodSpec, MetricSpec

__all__ = ["SITE_METRICS", "BoardPage", "Contents", "Known", "MethodPage", "RowView", "Run", "contents_of"]

SITE_METRICS = ("transfer", "average", "last", "forgetting")

_NOTE = re.compile(r"table (?P<table>\d+) is not comparable with table (?P<other>\d+): (?P<what>.*)")


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
        label: the row that it belongs to.
        counts: whether it is part of that row; older runs of the same seed are not.
    """

    record: Record
    source: Path
    name: str
    label: str = ""
    counts: bool = True


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
    def group(self) -> int | None:
        """The rank group; ``None`` where none is claimed."""
        return self.row.group


@dataclass(frozen=True)
class BoardPage:
    """A table of comparable rows.

    Attributes:
        table: the table.
        name: of its page.
        rows: its rows, in the table's order.
        runs: all its runs, those that no row averages too.
        nearest: name of the earlier board that it is most like; empty for the first.
        differs: in what it differs from that one.
    """

    table: Table
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
    def title(self) -> str:
        """Stream and order, and what else a title must tell."""
        group = self.group
        shots = "" if group.shots is None else f", {group.shots} shots"
        return f"{group.stream}, order {group.order}{shots}"


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


def contents_of(
    loaded: LoadedRecords,
    *,
    known: Mapping[str, Known] | None = None,
    claims: Collection[Comparison] = (),
    metrics: Sequence[str] = SITE_METRICS,
    extra: Sequence[MetricSpec] = (),
    groups: bool | None = None,
) -> Contents:
    """Sort records into boards, methods and runs; equal records give equal names in equal order.

    Raises:
        UnknownNameError: a metric that neither clbench nor ``extra`` provides.
    """
    board = board_of(loaded.records, metrics=metrics, extra=extra)
    board = with_rank_groups(board, loaded.stored, wanted=groups)
    board_names, method_names = Names(), Names()
    runs = _runs(loaded)
    pages = []
    for table in board.tables:
        mine = [run for run in runs if Group.of(run.record) == table.group]
        name = board_names.give(_board_text(table.group, [t.group for t in board.tables]))
        rows = tuple(_row_view(row, mine, method_names) for row in table.rows)
        pages.append(BoardPage(table, name, rows, tuple(_labelled(mine, rows))))
    pages = [
        replace(page, nearest=pages[other].name, differs=what) if what else page
        for page, (other, what) in zip(pages, _differences(board), strict=True)
    ]
    every = tuple(run for page in pages for run in page.runs)
    methods = [
        _method(name, method_names.give(name), pages, known or {}, claims)
        for name in sorted({run.record.method.name for run in every})
    ]
    left_out = tuple(" ".join(str(problem).split()) for problem in loaded.problems)
    return Contents(board, tuple(pages), tuple(methods), every, left_out)


def _runs(loaded: LoadedRecords) -> list[Run]:
    names = Names()
    runs = []
    # In the order of what they are, not of where they lie: two folders with equal records give equal sites.
    for stored in sorted(loaded.stored, key=lambda s: (_run_text(s.record), s.record.model_dump_json())):
        text = _run_text(stored.record)
        count = sum(_run_text(run.record) == text for run in runs)
        runs.append(Run(stored.record, stored.path, names.give(f"{text} {count + 1}" if count else text)))
    return runs


def _run_text(record: Record) -> str:
    stream = record.stream
    return f"{record.method.name} {stream.name} {stream.order} seed{record.seed} {record.run_id[:8]}"


def _board_text(group: Group, groups: Sequence[Group]) -> str:
    text = f"{group.stream} {group.order}"
    alike = [other for other in groups if f"{other.stream} {other.order}" == text]
    return text if len(alike) == 1 else f"{text} {group.label_space} {group.fingerprint[:8]}"


def _row_view(row: Row, runs: Sequence[Run], names: Names) -> RowView:
    chosen = {id(record) for record in row.records}
    mine = tuple(run for run in runs if id(run.record) in chosen)
    if not mine:
        return RowView(row, None, (), AssumptionsRecord(), None)
    costs = costs_of(row.records)
    method = row.records[0].method
    return RowView(
        row, names.give(method.name), mine, method.assumptions, costs[0] if len(costs) == 1 else None
    )


def _labelled(runs: Sequence[Run], rows: Sequence[RowView]) -> list[Run]:
    labels = {run.name: view.row.method for view in rows for run in view.runs}
    return [
        replace(run, label=labels.get(run.name, run.record.method.name), counts=run.name in labels)
        for run in runs
    ]


def _differences(board: Board) -> list[tuple[int, str]]:
    """For each table: the number of the one it is most like (from 0), and in what it differs from it."""
    found = [_NOTE.fullmatch(note) for note in board.notes]
    said = {int(m["table"]) - 1: (int(m["other"]) - 1, m["what"]) for m in found if m}
    return [said.get(i, (i, "")) for i in range(len(board.tables))]


def _method(
    name: str, page: str, pages: Sequence[BoardPage], known: Mapping[str, Known], claims: Collection[Comparison]
) -> MethodPage:
    rows = tuple((board, view) for board in pages for view in board.rows if view.page == page)
    runs = tuple((board, run) for board in pages for run in board.runs if run.record.method.name == name)
    return MethodPage(
        page,
        known[name] if name in known else _from_record(runs[0][1].record),
        name in known,
        rows,
        runs,
        tuple(c for c in claims if c.claim.method == name and isinstance(c.claim, Claim)),
        tuple(c for c in claims if c.claim.method == name and isinstance(c.claim, OtherClaim)),
    )


def _from_record(record: Record) -> Known:
    """What a record tells of a method whose package is not installed."""
    method = record.method
    spec = MethodSpec(
        name=method.name,
        title=method.title or method.name,
        summary="",
        factory="",
        settings="",
        protocol=method.protocol,
        assumptions=Assumptions(**method.assumptions.model_dump()),
        citation=method.citation,
    )
    return Known(spec, f"{method.distribution} {method.version}".strip())
