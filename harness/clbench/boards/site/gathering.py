"""Sort records into the boards, methods and runs of a site."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from clbench.boards.claims.frame import Comparison
from clbench.boards.site.contents import BoardPage, Contents, Known, MethodPage, RowView, Run
from clbench.boards.site.naming import Names
from clbench.boards.tables.building import board_of
from clbench.boards.tables.costs import costs_of
from clbench.boards.tables.groups import Group
from clbench.boards.tables.rows import Row
from clbench.boards.tables.table import resemblances
from clbench.results.claims import Claim, OtherClaim
from clbench.results.personal import fit_to_leave
from clbench.results.records import AssumptionsRecord, Record
from clbench.results.store import LoadedRecords, encode_record
from clbench.specs import Assumptions, MethodSpec, MetricSpec

__all__ = ["SITE_METRICS", "contents_of"]

SITE_METRICS = ("transfer", "average", "last", "forgetting")


def contents_of(
    loaded: LoadedRecords,
    *,
    known: Mapping[str, Known] | None = None,
    claims: Collection[Comparison] = (),
    metrics: Sequence[str] = SITE_METRICS,
    extra: Sequence[MetricSpec] = (),
    ranks: bool | None = None,
    form: Callable[[Record], str] = lambda _: "",
) -> Contents:
    """Sort records into boards, methods and runs; equal records give equal names in equal order.

    Passwords and paths of the machine in them are left out, see :mod:`clbench.results.personal`.

    Raises:
        UnknownNameError: a metric that neither clbench nor ``extra`` provides.
    """
    read = {stored.path: stored.record for stored in loaded.stored}
    leaving = tuple(replace(stored, record=fit_to_leave(stored.record)) for stored in loaded.stored)
    loaded = replace(loaded, stored=leaving)
    board = board_of(loaded.records, metrics=metrics, extra=extra, ranks=ranks)
    board_names, method_names = Names(), Names()
    runs = _runs(loaded, read, form)
    of_group: dict[Group, list[Run]] = defaultdict(list)
    for run in runs:
        of_group[Group.of(run.record)].append(run)
    pages = []
    titles = _titles([table.group for table in board.tables])
    for table, title in zip(board.tables, titles, strict=True):
        mine = of_group[table.group]
        name = board_names.give(title.replace(", order", ""))
        rows = tuple(_row_view(row, mine, method_names) for row in table.rows)
        pages.append(BoardPage(table, title, name, rows, tuple(_labelled(mine, rows))))
    pages[1:] = [
        replace(page, nearest=pages[other].name, differs=", ".join(names))
        for page, (other, names) in zip(pages[1:], resemblances(board.tables), strict=True)
    ]
    every = tuple(run for page in pages for run in page.runs)
    methods = [
        _method(name, method_names.give(name), pages, known or {}, claims)
        for name in sorted({run.record.method.name for run in every})
    ]
    left_out = tuple(problem.error.line for problem in loaded.problems)
    return Contents(board, tuple(pages), tuple(methods), every, left_out)


def _runs(loaded: LoadedRecords, read: Mapping[Path, Record], form: Callable[[Record], str]) -> list[Run]:
    names = Names()
    runs: list[Run] = []
    seen: Counter[str] = Counter()
    # In the order of what they are, not of where they lie: two folders with equal records give equal sites.
    for stored in sorted(loaded.stored, key=lambda s: (_run_text(s.record), s.record.model_dump_json())):
        text = _run_text(stored.record)
        seen[text] += 1
        name = names.give(text if seen[text] == 1 else f"{text} {seen[text]}")
        changed = stored.record is not read[stored.path]
        published = encode_record(stored.record) if changed else None
        runs.append(Run(stored.record, stored.path, name, published, form=form(stored.record)))
    return runs


def _run_text(record: Record) -> str:
    stream = record.stream
    return f"{record.method.name} {stream.name} {stream.order} seed{record.seed} {record.run_id[:8]}"


_TELLING: tuple[Callable[[Group], str], ...] = (
    lambda group: group.backbone,
    lambda group: f"label space {group.label_space}",
    lambda group: f"protocol {group.fingerprint[:8]}",
)


def _titles(groups: Sequence[Group]) -> list[str]:
    """Stream, order and few shots; where that leaves titles equal, what the boards differ in."""
    titles = [_titled(group) for group in groups]
    for more in _TELLING:
        alike = {title for title in titles if titles.count(title) > 1}
        for title in alike:
            places = [n for n, other in enumerate(titles) if other == title]
            if len({more(groups[n]) for n in places}) > 1:
                for n in places:
                    titles[n] = f"{title}, {more(groups[n])}"
    # Groups may differ in their tasks alone, which no title has room for.
    return [
        f"{title}, {titles[:n].count(title) + 1}" if titles.count(title) > 1 else title
        for n, title in enumerate(titles)
    ]


def _titled(group: Group) -> str:
    shots = "" if group.shots is None else f", {group.shots} shots"
    return f"{group.stream}, order {group.order}{shots}"


def _row_view(row: Row, runs: Sequence[Run], names: Names) -> RowView:
    known = {id(run.record): run for run in runs}
    mine = tuple(replace(known[id(record)], label=row.method) for record in row.records)
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


def _method(
    name: str,
    page: str,
    pages: Sequence[BoardPage],
    known: Mapping[str, Known],
    claims: Collection[Comparison],
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
