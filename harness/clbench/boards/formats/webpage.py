"""Tables as one html page that needs nothing else: by day and by night, on a phone, on paper, read aloud."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clbench.boards.formats.cells import Cell, Grid
from clbench.printing import for_html

__all__ = ["grids_as_html", "grids_as_page"]

_STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --faint: #57606a; --line: #d0d7de; --strong: #59636e;
  --page: #ffffff; --band: #f6f8fa; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --faint: #9aa4af; --line: #30363d;
  --strong: #8b949e; --page: #0d1117; --band: #161b22; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; padding: 0 1rem; max-width: 96rem;
  color: var(--ink); background: var(--page); }
.scroll { overflow-x: auto; margin: 1.5rem 0 .5rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: .5rem 0; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: left; }
th, .number { white-space: nowrap; }
td { max-width: 22rem; }
td:last-child:not(.number) { min-width: 12rem; }
th { font-weight: 600; }
tbody th { font-weight: 400; }
tbody th, thead th:first-child { position: sticky; left: 0; background: var(--page); }
thead tr:last-child th { border-bottom: 2px solid var(--strong); }
thead th[colspan] { text-align: center; border-bottom: 0; }
thead th[colspan]::after { content: ""; display: block; margin-top: .2rem;
  border-bottom: 1px solid var(--strong); }
thead td { border-bottom: 0; }
tbody th.section { font-weight: 600; background: var(--band); }
tbody tr:hover > * { background: var(--band); }
.number { text-align: right; }
.reference > * { font-style: italic; color: var(--faint); }
u { text-underline-offset: .2em; }
.spread { color: var(--faint); font-size: .85em; }
.notes { color: var(--faint); font-size: .9em; max-width: 60rem; padding-left: 1.2rem; }
@media print { .scroll { overflow: visible; } }
"""


def grids_as_page(grids: Sequence[Grid], notes: Iterable[str], *, empty: str = "no records") -> str:
    """Return a whole page with the tables and ``notes`` behind them; ``empty`` where there is no table."""
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<title>clbench leaderboard</title>",
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n<h1>Leaderboard</h1>",
        *(grids_as_html(grids) if grids else [f"<p>{empty}</p>"]),
        _notes(notes),
        "</main>\n</body>\n</html>",
    ]
    return "\n".join(part for part in parts if part)


def grids_as_html(grids: Iterable[Grid]) -> list[str]:
    """Return each table with its notes, to be put into a page that has a style for them."""
    return [_table(grid) for grid in grids]


def _table(grid: Grid) -> str:
    name = f' id="{for_html(grid.label)}"' if grid.label else ""
    parts = [
        f'<div class="scroll" role="region" aria-label="{for_html(grid.caption)}" tabindex="0">',
        f"<table{name}>\n<caption>{for_html(grid.caption)}</caption>",
        f"<thead>{_head(grid)}</thead>",
        *_bodies(grid),
        "</table>\n</div>",
        _notes(grid.notes),
    ]
    return "\n".join(part for part in parts if part)


def _head(grid: Grid) -> str:
    groups = ""
    if grid.spans:
        cells = (
            f'<th colspan="{width}" scope="colgroup">{for_html(title)}</th>'
            if title
            else f'<td colspan="{width}"></td>'
            for title, width in grid.spans
        )
        groups = f"<tr>{''.join(cells)}</tr>\n"
    cells = (
        f'<th scope="col"{_side(side)}>{for_html(title)}</th>'
        for title, side in zip(grid.headers, grid.align, strict=True)
    )
    return f"{groups}<tr>{''.join(cells)}</tr>"


def _bodies(grid: Grid) -> list[str]:
    titles = dict(grid.sections)
    lines = [] if 0 in titles else ["<tbody>"]
    for number, row in enumerate(grid.rows):
        if number in titles:
            lines += (["</tbody>"] if lines else []) + ["<tbody>"]
            if titles[number]:
                width = len(grid.headers)
                title = for_html(titles[number])
                lines.append(f'<tr><th class="section" scope="rowgroup" colspan="{width}">{title}</th></tr>')
        lines.append(_row(grid, row))
    return [*lines, "</tbody>"]


def _row(grid: Grid, row: Sequence[Cell]) -> str:
    opening = '<tr class="reference">' if row and row[0].reference else "<tr>"
    first, *rest = (_cell(cell) for cell in row)
    cells = "".join(f"<td{_side(side)}>{text}</td>" for side, text in zip(grid.align[1:], rest, strict=True))
    return f'{opening}<th scope="row"{_side(grid.align[0])}>{first}</th>{cells}</tr>'


def _cell(cell: Cell) -> str:
    mean, sign, half = cell.text.partition(" ± ")
    text = for_html(mean)
    text = (
        f"<strong>{text}</strong>" if cell.best or cell.total else f"<u>{text}</u>" if cell.second else text
    )
    text += f'<span class="spread"> ± {for_html(half)}</span>' if sign else ""
    return text + (f"<sup>{for_html(','.join(cell.marks))}</sup>" if cell.marks else "")


def _side(side: str) -> str:
    return ' class="number"' if side == "right" else ""


def _notes(notes: Iterable[str]) -> str:
    items = "".join(f"<li>{for_html(note)}</li>" for note in notes)
    return f'<ul class="notes">{items}</ul>' if items else ""
