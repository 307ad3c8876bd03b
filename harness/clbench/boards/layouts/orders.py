"""Orders side by side, as the MTIL papers have them: each metric in each order, and its mean over the orders.

Only tables whose protocols are equal but for the order of the tasks are put beside each other, and a method's
line is of the same settings in each of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING

from clbench.boards.formats.cells import NONE, Cell, Grid, number, with_marks
from clbench.boards.layouts.views import Footnotes, Options, label_of, merged
from clbench.boards.tables.board import Board
from clbench.boards.tables.figures import weights_of
from clbench.boards.tables.frames import typed
from clbench.boards.tables.groups import Group
from clbench.boards.tables.rows import Column, Row, leading
from clbench.boards.tables.table import Table, differences
from clbench.boards.tables.variants import recipe_of
from clbench.errors import ConfigError
from clbench.results.records import Record
from clbench.results.statistics.estimates import estimate
from clbench.results.statistics.intervals import Interval

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["across_orders", "across_orders_frame", "across_orders_notes"]

_Key = tuple[str, ...]

_NO_GROUPS = "places here may be chance: clbench compare A B tests two methods over these orders together"


@dataclass(frozen=True)
class _Line:
    """A method in several orders: its rows in those where it was finished, and a record of each order."""

    name: str
    rows: Mapping[str, Row]
    samples: tuple[Record, ...] = ()

    @property
    def sample(self) -> Row:
        return next(iter(self.rows.values()))

    def mean(self, column: Column, orders: Sequence[str]) -> Interval | None:
        """Over the orders, each of which counts the same."""
        found = [self.rows[o].values.get(column.name) if o in self.rows else None for o in orders]
        known = [x for x in found if x is not None]
        if len(known) < len(orders):
            return None
        mean = fmean(x.mean for x in known)
        trials = [self.rows[o].trials for o in orders]
        weights = [weights_of(column, self.rows[o].records[0]) for o in orders if self.rows[o].records]
        if all(trials) and not weights:  # the initial model, which is in no record
            weights = [weights_of(column, sample) for sample in self.samples]
        given = [w for w in weights if w is not None]
        found_ = estimate(trials, given) if all(trials) and len(given) == len(orders) else None
        return replace(found_, mean=mean) if found_ else Interval(mean, None, len(known))


def across_orders(board: Board, options: Options) -> list[Grid]:
    """Return one table for each protocol with all its orders: percent, ± half the 95 % interval.

    Raises:
        ConfigError: columns were chosen, which are the orders here.
    """
    if options.columns is not None:
        raise ConfigError(
            "the layout across-orders has a column for each order and metric",
            fix="choose them: --orders I,II --metrics transfer,last",
        )
    bundles = list(_bundles(board))
    return [
        _grid(board, bundle, options, n if len(bundles) > 1 else 0) for n, bundle in enumerate(bundles, 1)
    ]


def across_orders_notes(board: Board) -> tuple[str, ...]:
    """Return the notes of ``board``; of what keeps tables apart only that which keeps these tables apart."""
    apart = differences(board.tables)
    heads = [tables[0] for tables in _bundles(board)]
    return (*(note for note in board.notes if note not in apart), *differences(heads))


def _bundles(board: Board) -> Iterable[list[Table]]:
    """Tables that differ in their order alone."""
    found: dict[tuple[Group, tuple[str, ...]], list[Table]] = {}
    for table in board.tables:
        same = replace(table.group, order="", tasks=())
        found.setdefault((same, tuple(sorted(table.group.tasks))), []).append(table)
    return found.values()


def _lines(tables: Sequence[Table], columns: Sequence[Column]) -> list[_Line]:
    rows: dict[_Key, dict[str, Row]] = {}
    for table in tables:
        for row in table.rows:
            if row.status == "finished":
                rows.setdefault(_key(row), {})[table.group.order] = row
    samples = tuple(next(r for row in table.rows for r in row.records) for table in tables if _has(table))
    lines = [
        _Line(" / ".join(dict.fromkeys(r.method for r in found.values())), found, samples)
        for found in rows.values()
    ]
    orders = [table.group.order for table in tables]
    names = [line.name for line in lines]
    # Equal names of unequal settings: say in which orders each of them ran.
    lines = [
        replace(x, name=f"{x.name} (order {', '.join(x.rows)})") if names.count(x.name) > 1 else x
        for x in lines
    ]
    ranking = leading(columns)

    def rank(line: _Line) -> tuple[bool, float, str]:
        mean = line.mean(ranking, orders) if ranking else None
        sign = -1 if ranking and ranking.higher_is_better else 1
        return mean is None, sign * mean.mean if mean else 0.0, line.name

    return sorted(lines, key=rank)


def _has(table: Table) -> bool:
    return any(row.records for row in table.rows)


def _key(row: Row) -> _Key:
    if not row.records:
        return (row.protocol, row.method)
    return (row.protocol, *recipe_of(row.records[0]))


def _grid(board: Board, tables: Sequence[Table], options: Options, place: int) -> Grid:
    footnotes = Footnotes()
    orders = [table.group.order for table in tables]
    lines = _lines(tables, board.columns)
    references = [line for line in lines if line.sample.kind == "reference"]
    ranked = [line for line in lines if line.sample.kind == "ranked"]
    sections: tuple[tuple[int, str], ...] = ()
    if options.paper:
        lines = [*references, *ranked]
        sections = ((0, ""), (len(references), "")) if references and ranked else ()
    names = [Cell(line.name, reference=line.sample.kind == "reference") for line in lines]
    if options.paper:
        names = [footnotes.marked(c, x.sample.uses.split(", ")) for c, x in zip(names, lines, strict=True)]
    columns = [dict(enumerate(names))]
    if not options.paper:
        columns.append({n: Cell(_seeds(line)) for n, line in enumerate(lines)})
    heads = 1 if options.paper else 2
    several = len(orders) > 1
    for order in [*orders, *([None] if several else [])]:
        columns += [_column(lines, column, order, orders, options) for column in board.columns]
    width = len(board.columns)
    shown = [f"Order {order}" for order in orders] + (["Mean"] if several else [])
    title = replace(tables[0].group, order=", ".join(orders)).titled(board.group_by)
    title = title.replace(f"order {', '.join(orders)}", f"orders {', '.join(orders)}") if several else title
    notes = dict.fromkeys(note for table in tables for note in table.notes)
    reasons = [
        f"order {table.group.order}: {row.method} {row.status}: {row.reason}"
        for table in tables
        for row in table.rows
        if row.reason
    ]
    return Grid(
        (f"Table {place}: " if place and not options.paper else "") + title,
        (*("Method", "Seeds")[:heads], *(column.title for _ in shown for column in board.columns)),
        (*("left", "right")[:heads], *("right" for _ in shown for _ in board.columns)),
        tuple(tuple(column[n] for column in columns) for n in range(len(lines))),
        (*footnotes.notes, *reasons, *merged(notes), *([_NO_GROUPS] if several and len(ranked) > 1 else [])),
        sections,
        (("", heads), *((title, width) for title in shown)),
        label_of(replace(tables[0].group, order="-".join(orders)), "orders"),
    )


def _column(
    lines: Sequence[_Line], column: Column, order: str | None, orders: Sequence[str], options: Options
) -> dict[int, Cell]:
    """One metric in one order, or its mean over ``orders``."""
    decimals = 2 if options.decimals is None else options.decimals
    # So many intervals are more than a paper's line can hold.
    spread = not options.paper if options.spread is None else options.spread
    figures: dict[int, Interval | None] = {}
    for n, line in enumerate(lines):
        if order is None:
            figures[n] = line.mean(column, orders)
        else:
            figures[n] = line.rows[order].values.get(column.name) if order in line.rows else None
    cells = {n: Cell(number(x, decimals, spread=spread)) for n, x in figures.items()}
    ranked = {n: x.mean for n, x in figures.items() if x is not None and lines[n].sample.kind == "ranked"}
    return with_marks(cells, ranked, decimals, higher_is_better=column.higher_is_better)


def _seeds(line: _Line) -> str:
    counts = list(dict.fromkeys(NONE if row.seeds is None else str(row.seeds) for row in line.rows.values()))
    return counts[0] if len(counts) == 1 else "/".join(counts)


def across_orders_frame(board: Board) -> pd.DataFrame:
    """Return a line for each method, metric and order, unrounded; the mean over orders has no ``order``."""
    rows: list[dict[str, object]] = []
    for n, tables in enumerate(_bundles(board), start=1):
        orders = [table.group.order for table in tables]
        group = tables[0].group
        for line in _lines(tables, board.columns):
            for column in board.columns:
                for order in [*orders, *([None] if len(orders) > 1 else [])]:
                    if order is None:
                        x = line.mean(column, orders)
                    else:
                        x = line.rows[order].values.get(column.name) if order in line.rows else None
                    rows.append(
                        {
                            "table": n,
                            "method": line.name,
                            "kind": line.sample.kind,
                            "stream": group.stream,
                            "protocol": group.protocol,
                            "shots": str(group.shots or "full"),
                            "backbone": group.backbone,
                            "label_space": group.label_space,
                            "fingerprint": group.fingerprint,
                            "metric": column.name,
                            "order": order,
                            "value": x.mean if x else None,
                            "value_ci95": x.half_width if x else None,
                        }
                    )
    names = [
        "table",
        "method",
        "kind",
        "stream",
        "protocol",
        "shots",
        "backbone",
        "label_space",
        "fingerprint",
    ]
    return typed(rows, [*names, "metric", "order", "value", "value_ci95"], ["value"])
