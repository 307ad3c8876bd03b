"""Tables for papers: LaTeX with booktabs, caption above, notes below, shrunk where the line is too short."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from clbench.boards.formats.cells import Cell, Grid
from clbench.boards.formats.wording import slug
from clbench.printing import for_latex

__all__ = ["grids_as_latex"]

_NEEDS = r"% needs \usepackage{booktabs,graphicx}; across both columns of a page: table* instead of table"
_MANY = 9
"""From so many columns on their headers are set upright and figures small: eleven data sets fit a line."""
_TALL = 48
"""With more lines a table does not fit a page; its blocks become tables of their own."""


def grids_as_latex(grids: Sequence[Grid], notes: Sequence[str]) -> str:
    """Return a ``table`` for each of ``grids``, and ``notes`` as comments behind them."""
    labels = Counter(grid.label for grid in grids)
    parts = [
        # Tables that differ in details alone would have the same label.
        replace(part, label=f"{part.label}-{number}") if labels[grid.label] > 1 else part
        for number, grid in enumerate(grids, start=1)
        for part in _parts(grid)
    ]
    blocks = [_NEEDS, *(_table(part) for part in parts)]
    if notes:
        blocks.append("\n".join(f"% {note}" for note in notes))
    return "\n\n".join(blocks)


def _parts(grid: Grid) -> list[Grid]:
    """The table; if it is too tall, one for each titled block; what stands above stays with the first one."""
    titled = [(start, title) for start, title in grid.sections if title]
    if len(grid.rows) + len(titled) <= _TALL or len(titled) < 3:
        return [grid]
    starts = [0, *(start for start, _ in titled[2:])]
    parts = []
    for start, end in zip(starts, [*starts[1:], len(grid.rows)], strict=True):
        sections = tuple((at - start, title) for at, title in grid.sections if start <= at < end)
        name = sections[-1][1]
        # What a mark means stands under each part that has it, the rest under the last.
        notes = grid.notes if end == len(grid.rows) else tuple(n for n in grid.notes if n[:1] in "(†‡")
        part = replace(grid, caption=f"{grid.caption}: {name}", rows=grid.rows[start:end], sections=sections)
        label = f"{grid.label}-{slug(name)}" if grid.label else ""
        parts.append(replace(part, label=label, notes=notes))
    return parts


def _caption(grid: Grid) -> str:
    said = ["Accuracy in %"]
    cells = [cell for row in grid.rows for cell in row]
    if any(cell.best for cell in cells):
        said.append("best bold, second underlined")
    if any(" ± " in cell.text for cell in cells):
        said.append("± half the 95 % interval over seeds")
    return f"{grid.caption[:1].upper()}{grid.caption[1:]}. {', '.join(said)}."


def _table(grid: Grid) -> str:
    wide = len(grid.headers) > _MANY
    columns = "".join(side[0] for side in grid.align)
    # Shrinks what is wider than the line, and leaves the rest as it is.
    fit = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
    return "\n".join(
        [
            r"\begin{table}[tbp]",
            r"\centering",
            rf"\caption{{{for_latex(_caption(grid))}}}",
            *([rf"\label{{{grid.label}}}"] if grid.label else []),
            r"\smallskip",  # LaTeX's own classes leave no room between a caption and what is below it
            *([r"\footnotesize", r"\setlength{\tabcolsep}{3pt}"] if wide else [r"\small"]),
            fit,
            rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}",
            r"\toprule",
            *_head(grid, wide),
            *_body(grid),
            r"\bottomrule",
            r"\end{tabular}}",
            *_notes(grid.notes),
            r"\end{table}",
        ]
    )


def _head(grid: Grid, wide: bool) -> list[str]:
    lines = []
    if grid.spans:
        cells, rules, at = [], [], 1
        for title, width in grid.spans:
            cells.append(rf"\multicolumn{{{width}}}{{c}}{{{for_latex(title)}}}")
            if title:
                rules.append(rf"\cmidrule(lr){{{at}-{at + width - 1}}}")
            at += width
        lines += [" & ".join(cells) + r" \\", "".join(rules)]
    upright = wide and not grid.spans
    titles = [
        rf"\rotatebox{{90}}{{{for_latex(title)}}}" if upright and side == "right" else for_latex(title)
        for title, side in zip(grid.headers, grid.align, strict=True)
    ]
    return [*lines, " & ".join(titles) + r" \\"]


def _body(grid: Grid) -> list[str]:
    titles = dict(grid.sections)
    lines = [] if 0 in titles else [r"\midrule"]
    for number, row in enumerate(grid.rows):
        if number in titles:
            lines.append(r"\midrule")
            if titles[number]:
                title = rf"\textbf{{{for_latex(titles[number])}}}"
                lines.append(rf"\multicolumn{{{len(grid.headers)}}}{{@{{}}l}}{{{title}}} \\")
        lines.append(" & ".join(_cell(cell) for cell in row) + r" \\")
    return lines


def _cell(cell: Cell) -> str:
    mean, sign, half = cell.text.partition(" ± ")
    # Beside the means the intervals are small print.
    text = for_latex(mean)
    if cell.best or cell.total:
        text = rf"\textbf{{{text}}}"
    elif cell.second:
        text = rf"\underline{{{text}}}"
    elif cell.reference:
        text = rf"\textit{{{text}}}"
    text += rf"{{\scriptsize\,$\pm$\,{for_latex(half)}}}" if sign else ""
    marks = for_latex(",".join(cell.marks))
    return rf"{text}\textsuperscript{{{marks}}}" if marks else text


def _notes(notes: Sequence[str]) -> list[str]:
    if not notes:
        return []
    return [
        r"",
        r"\smallskip",
        r"\begin{minipage}{\linewidth}\scriptsize\raggedright",
        # Lists without blanks may be broken, too.
        *(re.sub(r",(?=\S)", r",\\allowbreak{}", for_latex(note)) + r"\par" for note in notes),
        r"\end{minipage}",
    ]
