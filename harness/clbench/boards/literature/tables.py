"""The tables of the literature for people, figures as printed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from clbench.boards.formats.cells import NONE, Cell, Grid, with_marks
from clbench.boards.formats.wording import slug
from clbench.boards.layouts.views import Footnotes
from clbench.boards.literature.settings import (
    METRICS,
    UNKNOWN,
    Literature,
    PublishedRow,
    PublishedTable,
    Recomputed,
)

__all__ = ["literature_grids", "tables_of"]

_SUSPECT = "†"


def literature_grids(literature: Literature, *, layout: str = "summary", paper: bool = False) -> list[Grid]:
    """Return the tables for people, figures as printed; recomputed ones are in a table that says so."""
    tables = tables_of(literature, layout)
    grids = []
    for n, table in enumerate(tables, start=1):
        number = f" {n}" if len(tables) > 1 and not paper else ""
        caption = f"Published{number}: {table.group.title}"
        if layout == "per-task":
            grids.append(_tasks_grid(table, _present(table, literature.tasks), caption, paper))
        else:
            grids.append(_grid(table, caption, paper))
    if layout != "per-task" and literature.recomputed:
        grids.append(_recomputed_grid(literature.recomputed))
    return grids


def tables_of(literature: Literature, layout: str) -> tuple[PublishedTable, ...]:
    """Return the published tables that a layout shows."""
    return literature.per_task if layout == "per-task" else literature.tables


def _present(table: PublishedTable, tasks: Sequence[str]) -> tuple[str, ...]:
    return tuple(t for t in tasks if any(t in values for row in table.rows for values in row.tasks.values()))


def _grid(table: PublishedTable, caption: str, paper: bool) -> Grid:
    rows = table.rows
    footnotes = Footnotes()
    columns = [_names(rows, footnotes if paper else None)]
    for metric in METRICS:
        cells = {n: _figure(row, metric) for n, row in enumerate(rows)}
        columns.append(_marked(table, cells, _means(rows, metric)))
    facts = [
        ("Kind", [r.kind for r in rows]),
        ("Venue", [r.facts.get("venue_year", "").strip("-") for r in rows]),
    ]
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
        (*footnotes.notes, *_table_notes(table, paper)),
        _sections(rows) if paper else (),
        label=f"tab:published-{slug(table.group.title)}",
    )


def _tasks_grid(table: PublishedTable, tasks: Sequence[str], caption: str, paper: bool) -> Grid:
    """Blocks of Transfer, Average and Last, the references above, as in the papers."""
    blocks = [("Without continual learning", "last", [r for r in table.rows if r.learns != "stream"])]
    for metric in METRICS:
        members = [r for r in table.rows if r.learns == "stream" and metric in r.tasks]
        blocks.append((metric.capitalize(), metric, members))
    footnotes = Footnotes()
    cells: list[tuple[Cell, ...]] = []
    sections = []
    for title, metric, rows in blocks:
        if rows:
            sections.append((len(cells), title))
            columns = [_names(rows, footnotes if paper else None)]
            for task in tasks:
                values = {n: row.tasks[metric].get(task) for n, row in enumerate(rows)}
                shown = {n: Cell(NONE if x is None else _printed(x)) for n, x in values.items()}
                columns.append(_marked(table, shown, values, rows))
            means = {n: _figure(row, metric) for n, row in enumerate(rows)}
            columns.append(_marked(table, means, _means(rows, metric), rows))
            if not paper:
                columns.append(dict(enumerate(Cell(row.table) for row in rows)))
            cells += [tuple(column[n] for column in columns) for n in range(len(rows))]
    return Grid(
        caption,
        ("Method", *tasks, "Mean", *([] if paper else ["Read in"])),
        ("left", *("right" for _ in tasks), "right", *([] if paper else ["left"])),
        tuple(cells),
        (*footnotes.notes, *_table_notes(table, paper)),
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


def _names(rows: Sequence[PublishedRow], footnotes: Footnotes | None) -> dict[int, Cell]:
    """The methods' names; with ``footnotes``, what stands in brackets goes there."""
    cells = {}
    for n, row in enumerate(rows):
        name, bracket, rest = row.method.partition(" (") if footnotes else (row.method, "", "")
        cell = Cell(name, reference=row.learns != "stream")
        cells[n] = footnotes.marked(cell, [rest.removesuffix(")")]) if footnotes and bracket else cell
    return cells


def _figure(row: PublishedRow, metric: str) -> Cell:
    value = row.figures.get(metric)
    text = NONE if value is None else _printed(value)
    return Cell(text, marks=(_SUSPECT,) if metric in row.suspect else ())


def _means(rows: Sequence[PublishedRow], metric: str) -> dict[int, float | None]:
    """What is ranked: a mean that contradicts its own values is not."""
    return {n: None if metric in row.suspect else row.figures.get(metric) for n, row in enumerate(rows)}


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


def _table_notes(table: PublishedTable, paper: bool) -> Iterable[str]:
    for row in table.rows:
        for metric, mean in row.suspect.items():
            printed = _printed(row.figures[metric])
            yield (
                f"{_SUSPECT} {row.method}: {metric.capitalize()} is printed as {printed}, but the mean of "
                f"the values printed for its tasks is {mean:.2f} ({row.table}); it is not ranked"
            )
    for text, methods in _grouped((r.facts.get("note", ""), r.method) for r in table.rows).items():
        yield f"{', '.join(methods)}: {text}"
    # Which splits a row used matters to whoever compares; a paper's reader is told the family alone.
    told = {} if paper else _grouped((r.facts.get("protocol_from", ""), r.method) for r in table.rows)
    if told:
        yield "family told by: " + "; ".join(f"{text} ({', '.join(of)})" for text, of in told.items())
    if paper and table.rows[0].tasks:
        tables = _grouped((row.table, row.method) for row in table.rows)
        yield "; ".join(f"{name}: {', '.join(methods)}" for name, methods in tables.items())
    read = _grouped(pair for row in table.rows for pair in _sources(row))
    yield "read in: " + "; ".join(f"{text} ({', '.join(of)})" for text, of in read.items())


def _sources(row: PublishedRow) -> list[tuple[str, str]]:
    """The documents that it was read in, each with the table that it is from."""
    documents, tables = row.source.split("; "), row.table.split("; ")
    if len(documents) == len(tables):
        return list(zip(documents, tables, strict=True))
    return [(document, row.table) for document in documents]


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, dict[str, None]]:
    """Each text once, with all that it is said of."""
    found: dict[str, dict[str, None]] = {}
    for text, of in pairs:
        if text:
            found.setdefault(text, {})[of] = None
    return found
