"""The tables of the literature for people and for programs, by themselves or beside measured ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from clbench.boards.board import Board, Group
from clbench.boards.cells import NONE, Cell, Grid, with_marks
from clbench.boards.literature import (
    METRICS,
    UNKNOWN,
    Literature,
    PublishedGroup,
    PublishedRow,
    PublishedTable,
    Recomputed,
)
from clbench.boards.rendering import View
from clbench.boards.views import slug

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["beside", "literature_frame", "literature_grids", "literature_view"]

_SUSPECT = "†"
_FAMILIES = {
    "zscl": "zscl: torchvision's splits, 80/20 where there are none; zero-shot on Caltech101 88.4",
    "coop": "coop: CoOp's splits with validation data; zero-shot on Caltech101 92.9",
    UNKNOWN: "unknown: which splits these rows used cannot be told, so nothing is ranked",
}


def literature_view(literature: Literature, *, layout: str = "summary") -> View:
    """Return what formats write of ``literature``: its averages, or with ``per-task`` its data sets."""
    return View(
        grids=lambda paper: literature_grids(literature, layout=layout, paper=paper),
        notes=(*literature.notes, *_notes(literature)),
        frame=lambda: literature_frame(literature, layout=layout),
    )


def beside(view: View, board: Board, literature: Literature, *, layout: str = "summary") -> View:
    """Return the measured tables of ``view`` and behind them those of ``literature``, which are never mixed.

    The notes say which published table has the protocol of which measured one, as far as papers tell, and
    what keeps the others apart.
    """
    published = literature_view(literature, layout=layout)
    return View(
        grids=lambda paper: [*view.grids(paper), *published.grids(paper)],
        notes=(*view.notes, *_relations(board, _tables(literature, layout)), *published.notes),
        frame=view.frame,
        flat="measured and published figures never stand in one table",
    )


def literature_grids(literature: Literature, *, layout: str = "summary", paper: bool = False) -> list[Grid]:
    """Return the tables for people, figures as printed; recomputed ones are in a table that says so."""
    tables = _tables(literature, layout)
    grids = []
    for n, table in enumerate(tables, start=1):
        caption = (
            f"Published {n}: {table.group.title}" if len(tables) > 1 else f"Published: {table.group.title}"
        )
        if layout == "per-task":
            grids.append(_tasks_grid(table, _present(table, literature.tasks), caption))
        else:
            grids.append(_grid(table, caption, paper))
    if layout != "per-task" and literature.recomputed:
        grids.append(_recomputed_grid(literature.recomputed))
    return grids


def _tables(literature: Literature, layout: str) -> tuple[PublishedTable, ...]:
    return literature.per_task if layout == "per-task" else literature.tables


def _present(table: PublishedTable, tasks: Sequence[str]) -> tuple[str, ...]:
    return tuple(t for t in tasks if any(t in values for row in table.rows for values in row.tasks.values()))


def _grid(table: PublishedTable, caption: str, paper: bool) -> Grid:
    rows = table.rows
    columns = [_names(rows)]
    for metric in METRICS:
        cells = {n: _figure(row, metric) for n, row in enumerate(rows)}
        columns.append(_marked(table, cells, {n: row.figures.get(metric) for n, row in enumerate(rows)}))
    facts = [("Kind", [r.kind for r in rows]), ("Venue", [r.facts.get("venue_year", "") for r in rows])]
    facts.append(("Read in", [r.table for r in rows]))
    if not paper:
        facts.append(("Extra data", [r.facts.get("extra_data", "").strip("-") for r in rows]))
    columns += [dict(enumerate(map(Cell, texts))) for _, texts in facts]
    headers = ("Method", *(m.capitalize() for m in METRICS), *(title for title, _ in facts))
    align = ("left", *("right" for _ in METRICS), *("left" for _ in facts))
    return Grid(
        caption,
        headers,
        align,
        tuple(tuple(column[n] for column in columns) for n in range(len(rows))),
        tuple(_table_notes(table)),
        _sections(rows) if paper else (),
        label=f"tab:published-{slug(table.group.title)}",
    )


def _tasks_grid(table: PublishedTable, tasks: Sequence[str], caption: str) -> Grid:
    """Blocks of Transfer, Average and Last, the references above, as in the papers."""
    blocks = [("Without continual learning", "last", [r for r in table.rows if r.learns != "stream"])]
    for metric in METRICS:
        members = [r for r in table.rows if r.learns == "stream" and metric in r.tasks]
        best_first = sorted(members, key=lambda r, m=metric: -r.figures[m])  # type: ignore[misc]
        blocks.append((metric.capitalize(), metric, best_first))
    cells: list[tuple[Cell, ...]] = []
    sections = []
    for title, metric, rows in blocks:
        if rows:
            sections.append((len(cells), title))
            columns = [_names(rows)]
            for task in tasks:
                values = {n: row.tasks[metric].get(task) for n, row in enumerate(rows)}
                shown = {n: Cell(NONE if x is None else _printed(x)) for n, x in values.items()}
                columns.append(_marked(table, shown, values, rows))
            means = {n: _figure(row, metric) for n, row in enumerate(rows)}
            columns.append(_marked(table, means, {n: r.figures[metric] for n, r in enumerate(rows)}, rows))
            columns.append(dict(enumerate(Cell(row.table) for row in rows)))
            cells += [tuple(column[n] for column in columns) for n in range(len(rows))]
    return Grid(
        caption,
        ("Method", *tasks, "Mean", "Read in"),
        ("left", *("right" for _ in tasks), "right", "left"),
        tuple(cells),
        tuple(_table_notes(table)),
        tuple(sections),
        label=f"tab:published-per-task-{slug(table.group.title)}",
    )


def _recomputed_grid(rows: Sequence[Recomputed]) -> Grid:
    cells = [
        (
            Cell(row.method),
            Cell(row.order),
            *(Cell(_printed(row.printed[m])) for m in METRICS),
            *(Cell(f"{row.figures[m]:.2f}") for m in METRICS),
            Cell(row.paper),
        )
        for row in rows
    ]
    sources = _grouped((f"{row.source} ({row.precision})", row.method) for row in rows)
    return Grid(
        "Recomputed here from the accuracy matrices that authors published; not printed anywhere",
        ("Method", "Order", *(m.capitalize() for m in METRICS * 2), "Read in"),
        ("left", "left", *("right" for _ in METRICS * 2), "left"),
        tuple(cells),
        ("read in: " + "; ".join(f"{', '.join(of)}: {text}" for text, of in sources.items()),),
        spans=(("", 2), ("Printed", len(METRICS)), ("Recomputed", len(METRICS)), ("", 1)),
        label="tab:published-recomputed",
    )


def _names(rows: Sequence[PublishedRow]) -> dict[int, Cell]:
    return {n: Cell(row.method, reference=row.learns != "stream") for n, row in enumerate(rows)}


def _figure(row: PublishedRow, metric: str) -> Cell:
    value = row.figures.get(metric)
    text = NONE if value is None else _printed(value)
    return Cell(text, marks=(_SUSPECT,) if metric in row.suspect else ())


def _printed(figure: float) -> str:
    """As papers do: one decimal, or two where they have them."""
    return f"{figure:.1f}" if round(figure, 1) == figure else f"{figure:.2f}"


def _marked(
    table: PublishedTable,
    cells: Mapping[int, Cell],
    values: Mapping[int, float | None],
    rows: Sequence[PublishedRow] | None = None,
) -> dict[int, Cell]:
    if table.group.protocol == UNKNOWN:
        return dict(cells)
    members = table.rows if rows is None else rows
    ranked = {n: x for n, x in values.items() if x is not None and members[n].learns == "stream"}
    return with_marks(cells, ranked)


def _sections(rows: Sequence[PublishedRow]) -> tuple[tuple[int, str], ...]:
    references = sum(row.learns != "stream" for row in rows)
    return ((0, ""), (references, "")) if 0 < references < len(rows) else ()


def _table_notes(table: PublishedTable) -> Iterable[str]:
    for row in table.rows:
        for metric, mean in row.suspect.items():
            printed = _printed(row.figures[metric])
            yield (
                f"{_SUSPECT} {row.method}: {metric.capitalize()} is printed as {printed}, but the mean of "
                f"the values printed for its tasks is {mean:.2f} ({row.table})"
            )
    for text, methods in _grouped((r.facts.get("note", ""), r.method) for r in table.rows).items():
        yield f"{', '.join(methods)}: {text}"
    told = _grouped((r.facts.get("protocol_from", ""), r.method) for r in table.rows)
    if told:
        yield "family told by: " + "; ".join(f"{text} ({', '.join(of)})" for text, of in told.items())
    read = _grouped((part, row.table) for row in table.rows for part in row.source.split("; "))
    yield "read in: " + "; ".join(f"{text} ({', '.join(of)})" for text, of in read.items())


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, dict[str, None]]:
    """Each text once, with all that it is said of."""
    found: dict[str, dict[str, None]] = {}
    for text, of in pairs:
        if text:
            found.setdefault(text, {})[of] = None
    return found


def _notes(literature: Literature) -> list[str]:
    if not literature.tables:
        return []
    families = dict.fromkeys(table.group.protocol for table in literature.tables)
    return [
        "published: as papers print it, mostly single runs without a spread",
        "kind: of the method's authors (own), run again by others (rerun), copied from elsewhere (quoted)",
        "protocol families are never in one table; "
        + "; ".join(_FAMILIES[f] for f in families if f in _FAMILIES),
    ]


def _relations(board: Board, tables: Sequence[PublishedTable]) -> list[str]:
    """What keeps each published table from being compared with the measured one that it resembles most."""
    if not board.tables:
        return []
    measured = {table.group.stream for table in board.tables}
    if not measured & {table.group.stream for table in tables}:
        streams = ", ".join(dict.fromkeys(t.group.stream for t in tables if t.group.stream))
        return [
            "no published table is comparable with a measured one: they are of other streams "
            f"({streams}; measured: {', '.join(sorted(measured))})"
        ]
    names = {
        n: f"published {n}" if len(tables) > 1 else "the published table" for n in range(1, len(tables) + 1)
    }
    return [f"{names[n]} {_relation(board, table.group)}" for n, table in enumerate(tables, start=1)]


def _relation(board: Board, published: PublishedGroup) -> str:
    if published.protocol == UNKNOWN:
        return "is not comparable with any measured table: its protocol family is unknown"
    differing = [(_differing(table.group, published), n) for n, table in enumerate(board.tables, start=1)]
    names, n = min(differing, key=lambda found: (len(found[0]), found[1]))
    if names:
        return f"is not comparable with table {n}: {', '.join(names)}"
    return (
        f"has the protocol of table {n} as far as papers tell; clbench claims sets their figures side by side"
    )


def _differing(measured: Group, published: PublishedGroup) -> list[str]:
    pairs = {
        "stream": (published.stream, measured.stream),
        "protocol": (published.protocol, measured.protocol),
        "order": (published.order, measured.order),
        "shots": (published.shots, str(measured.shots or "full")),
        "backbone": (published.backbone, measured.backbone),
        "label space": (published.label_space, measured.label_space),
    }
    return [f"{name} {theirs}, not {ours}" for name, (theirs, ours) in pairs.items() if theirs != ours]


def literature_frame(literature: Literature, *, layout: str = "summary") -> pd.DataFrame:
    """Return a line for each published row, with ``per-task`` for each of its values; as printed, in percent.

    ``transfer_of_tasks``, …: the mean of the printed values of the tasks, where the printed mean is another.
    """
    import pandas as pd

    lines = []
    for n, table in enumerate(_tables(literature, layout), start=1):
        for row in table.rows:
            line = {"table": n, **vars(table.group), "method": row.method, "learns": row.learns}
            tail = {"kind": row.kind, "paper_table": row.table, "source": row.source}
            if layout == "per-task":
                for metric in row.tasks:
                    values = {**row.tasks[metric], None: row.figures[metric]}
                    lines += [
                        line | {"metric": metric, "task": t, "value": x} | tail for t, x in values.items()
                    ]
            else:
                means = {f"{metric}_of_tasks": row.suspect.get(metric) for metric in METRICS}
                figures = {metric: row.figures.get(metric) for metric in METRICS}
                rest = {k: v for k, v in row.facts.items() if k not in line}
                lines.append(line | figures | means | tail | rest)
    return pd.DataFrame(lines)
