"""Leaderboards as text: for terminals, Markdown, LaTeX, HTML, CSV and JSON."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from clbench.boards.board import Board
from clbench.boards.cells import Cell, Grid, grid
from clbench.boards.writing import frame_as_csv, frame_as_json, grids_as_markdown, grids_as_text
from clbench.errors import UnknownNameError
from clbench.specs import FormatSpec, load_reference

__all__ = ["FORMATS", "Format", "render"]


@dataclass(frozen=True)
class Format:
    """A way to write a board.

    Attributes:
        write: makes the text.
        suffix: file suffix with its dot.
    """

    write: Callable[[Board], str]
    suffix: str


def render(board: Board, format: str = "text", *, extra: Iterable[FormatSpec] = ()) -> str:
    """Return ``board`` in ``format``, without a line end after the last line.

    ``text, md, latex, html`` are for people: percent with two decimals, ± half the 95 % interval over seeds,
    best ranked value bold and (LaTeX, HTML) second best underlined, references in italics. ``csv, json``
    are for programs: one flat row per line of the tables, percent unrounded.

    Args:
        board: what to write.
        format: a name of :data:`FORMATS` or of ``extra``.
        extra: further formats, from plugins.

    Raises:
        UnknownNameError: no such format.
    """
    plugins = {spec.name: spec for spec in extra}
    if format in FORMATS:
        return FORMATS[format].write(board).rstrip("\n")
    if format in plugins:
        return str(load_reference(plugins[format].factory)(board)).rstrip("\n")
    raise UnknownNameError("format", format, [*FORMATS, *plugins])


def _text(board: Board) -> str:
    return grids_as_text(grid(board), board.notes)


def _markdown(board: Board) -> str:
    return grids_as_markdown(grid(board), board.notes)


_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "±": r"$\pm$",
        "–": "--",
        "…": r"\ldots{}",
        "×": r"$\times$",
    }
)


def _latex(board: Board) -> str:
    def mark(cell: Cell) -> str:
        text = cell.text.translate(_LATEX)
        if cell.best:
            return rf"\textbf{{{text}}}"
        if cell.second:
            return rf"\underline{{{text}}}"
        return rf"\textit{{{text}}}" if cell.reference else text

    blocks = ["% needs \\usepackage{booktabs}"]
    for table in grid(board):
        columns = "".join(side[0] for side in table.align)
        lines = [
            r"\begin{table}[t]",
            r"\centering",
            rf"\caption{{{table.caption.translate(_LATEX)}. Accuracy in \%.}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            " & ".join(title.translate(_LATEX) for title in table.headers) + r" \\",
            r"\midrule",
            *(" & ".join(mark(cell) for cell in row) + r" \\" for row in table.rows),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
        blocks.append("\n".join([*lines, *(f"% {note}" for note in table.notes)]))
    return "\n\n".join([*blocks, *(["\n".join(f"% {note}" for note in board.notes)] if board.notes else [])])


_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; color: #222; }
table { border-collapse: collapse; margin: .5rem 0; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: .5rem 0; }
th, td { padding: .3rem .8rem; border-bottom: 1px solid #ddd; text-align: left; white-space: nowrap; }
thead th { border-bottom: 2px solid #444; }
.number { text-align: right; }
.reference { font-style: italic; color: #555; }
.notes { color: #555; }
"""


def _html(board: Board) -> str:
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        "<title>clbench leaderboard</title>",
        f"<style>{_STYLE}</style>\n</head>\n<body>",
        *(_html_table(table) for table in grid(board)),
        "" if board.tables else "<p>no records</p>",
        _html_notes(board.notes),
        "</body>\n</html>",
    ]
    return "\n".join(part for part in parts if part)


def _html_table(table: Grid) -> str:
    classes = [' class="number"' if side == "right" else "" for side in table.align]

    def mark(cell: Cell) -> str:
        text = html.escape(cell.text)
        return f"<strong>{text}</strong>" if cell.best else f"<u>{text}</u>" if cell.second else text

    head = "".join(f"<th{c}>{html.escape(t)}</th>" for c, t in zip(classes, table.headers, strict=True))
    body = []
    for row in table.rows:
        cells = "".join(f"<td{c}>{mark(cell)}</td>" for c, cell in zip(classes, row, strict=True))
        opening = '<tr class="reference">' if row[0].reference else "<tr>"
        body.append(f"{opening}{cells}</tr>")
    return "\n".join(
        [
            f"<table>\n<caption>{html.escape(table.caption)}</caption>",
            f"<thead><tr>{head}</tr></thead>\n<tbody>",
            *body,
            "</tbody>\n</table>",
            _html_notes(table.notes),
        ]
    )


def _html_notes(notes: Iterable[str]) -> str:
    items = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
    return f'<ul class="notes">{items}</ul>' if items else ""


def _csv(board: Board) -> str:
    return frame_as_csv(board.frame)


def _json(board: Board) -> str:
    return frame_as_json(board.frame)


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "text": Format(_text, ".txt"),
        "md": Format(_markdown, ".md"),
        "csv": Format(_csv, ".csv"),
        "latex": Format(_latex, ".tex"),
        "html": Format(_html, ".html"),
        "json": Format(_json, ".json"),
    }
)
"""Formats that clbench writes by itself."""
