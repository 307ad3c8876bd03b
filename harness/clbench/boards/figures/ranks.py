"""Which methods can be told apart: critical differences, a matrix of all pairs, differences to one row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from clbench.boards.figures.courses import Subject
from clbench.boards.figures.drawing.cells import CELL, change_cells, room
from clbench.boards.figures.drawing.files import settled
from clbench.boards.figures.drawing.image import Drawing
from clbench.boards.figures.drawing.style import (
    COLOURS,
    FAINT,
    GREY,
    INK,
    PAPER,
    blank,
    captioned,
    styled,
    tidy,
)
from clbench.boards.formats.wording import shortened, signed
from clbench.boards.tables.building import board_of
from clbench.boards.tables.columns import ranks_text
from clbench.boards.tables.intervals import in_words
from clbench.boards.tables.ranking import RankedTable, ranked, ranked_by
from clbench.errors import RecordError, UnknownNameError
from clbench.results.statistics.paired import PairedDifference

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "difference_figure",
    "draw_differences",
    "draw_forest",
    "draw_pairs",
    "forest_figure",
    "pairs_figure",
]

_LINE = 0.2  # inches, of a name


def draw_differences(subject: Subject) -> Iterator[Drawing]:
    """Draw the critical-difference diagram, where two methods have three seeds or more."""
    found = _ranked(subject)
    if found is None:
        return
    best = found.rows[0]
    alike = [row.method for n, row in enumerate(found.rows) if n and not found.ranking.separable(0, n)]
    yield Drawing(
        "ranks",
        f"ranks-{subject.stem}",
        "Critical-difference diagram",
        f"{found.column.title} of {len(found.rows)} methods, {subject.group.title}. {best.method} is best, "
        f"with {best.values[found.column.name].mean:.1f} %"
        + (
            f"; {', '.join(alike)} cannot be told apart from it."
            if alike
            else " and separable from all others."
        ),
        partial(difference_figure, found, subject.group.title),
    )


def draw_pairs(subject: Subject) -> Iterator[Drawing]:
    """Draw the matrix of the differences of all pairs."""
    found = _ranked(subject)
    if found is None:
        return
    count = len(found.ranking.pairs)
    told = sum(found.ranking.separable(i, j) for i, j in found.ranking.pairs)
    yield Drawing(
        "pairs",
        f"pairs-{subject.stem}",
        "Differences of all pairs",
        f"Differences of {found.column.title} between {len(found.rows)} methods, {subject.group.title}: "
        f"{told} of {count} pairs are separable.",
        partial(pairs_figure, found, subject.group.title),
    )


def draw_forest(subject: Subject) -> Iterator[Drawing]:
    """Draw the differences of all methods to one row: the one that is chosen, or the best."""
    found = _ranked(subject)
    if found is None:
        return
    base = _chosen(found, subject.against)
    name = found.rows[base].method
    yield Drawing(
        "forest",
        f"forest-{subject.stem}",
        f"Differences to {name}",
        f"Differences of {found.column.title} to {name} with 95 % intervals, {len(found.rows) - 1} methods, "
        f"{subject.group.title}.",
        partial(forest_figure, found, base, subject.group.title),
    )


def _ranked(subject: Subject) -> RankedTable | None:
    board = board_of(subject.records, metrics=(subject.metric,), ranks=False)
    column = ranked_by(board.columns, None)
    if column is None or not board.tables:
        return None
    try:
        found = ranked(board.tables[0], column)
    except RecordError:
        return None
    if found is None:
        return None
    return found.tested()


def _chosen(found: RankedTable, name: str) -> int:
    names = [row.method for row in found.rows]
    if not name:
        return 0
    if name not in names:
        raise UnknownNameError("method", name, names)
    return names.index(name)


@styled
def difference_figure(found: RankedTable, place: str) -> Figure:
    """Draw the figures on an axis, names beside it, and a bar over each set that cannot be told apart."""
    means = [row.values[found.column.name].mean for row in found.rows]
    cliques = [
        [n for n, own in enumerate(found.ranking.letters) if letter in own]
        for letter in sorted({letter for own in found.ranking.letters for letter in own})
    ]
    cliques = [clique for clique in cliques if len(clique) > 1]
    names = [f"{shortened(row.method, 26)}  {mean:.1f}" for row, mean in zip(found.rows, means, strict=True)]
    half = -(-len(names) // 2)
    bars = 0.14 * len(cliques) + 0.12
    figure = blank(7.4, bars + _LINE * (half + 1) + 0.45)
    ax = figure.subplots()
    low, high = min(means), max(means)
    margin = 0.06 * (high - low or 1.0)
    ax.set_xlim(low - margin, high + margin)
    ax.set_ylim(-(bars + _LINE * (half + 1)), 0)
    ax.xaxis.tick_top()
    ax.xaxis.set_label_position("top")
    ax.set_xlabel(f"{found.column.title} in %")
    ax.spines[["left", "right", "bottom"]].set_visible(False)
    ax.set_yticks([])
    ax.tick_params(length=2.5, width=0.7)
    for n, clique in enumerate(cliques):
        y = -0.1 - 0.14 * n
        ax.plot(
            [means[clique[0]], means[clique[-1]]], [y, y], color=INK, lw=2.2, solid_capstyle="butt", zorder=2
        )
        # A bar passes over methods that are not in it: dots are those that are.
        ax.plot(
            [means[i] for i in clique],
            [y] * len(clique),
            "o",
            color=PAPER,
            mec=INK,
            ms=3.4,
            mew=0.9,
            zorder=3,
        )
    for n, (mean, name) in enumerate(zip(means, names, strict=True)):
        right = n < half  # the best are at the right, the best of them on top
        row = n if right else len(names) - 1 - n
        y = -bars - _LINE * (row + 0.7)
        edge = 1.0 if right else 0.0
        ax.plot([mean, mean], [0, y], color=FAINT, lw=0.7, zorder=0)
        x = high + margin if right else low - margin
        ax.plot([mean, x], [y, y], color=FAINT, lw=0.7, zorder=0)
        ax.annotate(
            name, (edge, y), xycoords=("axes fraction", "data"), xytext=(4 if right else -4, 0),
            textcoords="offset points", ha="left" if right else "right", va="center", size=8,
        )  # fmt: skip
    captioned(
        figure,
        "Which methods can be told apart",
        place,
        [
            "A bar joins methods no two of which are separable; dots are those that belong to it. "
            + _tests(found)
        ],
    )
    settled(figure)
    return figure


@styled
def pairs_figure(found: RankedTable, place: str) -> Figure:
    """Draw the difference of each row's method to each column's; those that may be chance are left white."""
    count = len(found.rows)
    values = np.full((count, count), np.nan)
    open_ = np.full((count, count), np.nan)
    for (i, j), pair in found.ranking.pairs.items():
        told = values if found.ranking.separable(i, j) else open_
        told[i, j], told[j, i] = pair.difference, -pair.difference
    labels = [shortened(row.method, 26) for row in found.rows]
    marks = [
        f"{label}  {ranks_text(ranks)}" for label, ranks in zip(labels, found.ranking.ranks, strict=True)
    ]
    figure = blank(max(CELL * count + room(marks), 5.0), 0.27 * count + 0.6 * room(labels))
    ax = figure.subplots()
    known = np.abs(values[~np.isnan(values)])
    limit = float(np.clip(np.quantile(known, 0.97), 1.0, None)) if len(known) else 1.0
    change_cells(ax, values, limit)
    for (i, j), value in np.ndenumerate(open_):
        if not np.isnan(value):
            ax.text(j, i, signed(float(value), 1), ha="center", va="center", fontsize=6.5, color=FAINT)
    ax.set_yticks(range(count), marks)
    ax.set_xticks(range(count), labels, rotation=35, ha="right", rotation_mode="anchor")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    captioned(
        figure,
        f"{found.column.title}: every pair of methods",
        place,
        [
            "Row minus column in points; blue: the row is higher, red: lower, grey on white: not separable. "
            "Beside a name the best and worst rank that the tests leave. " + _tests(found)
        ],
    )
    return figure


@styled
def forest_figure(found: RankedTable, base: int, place: str) -> Figure:
    """Draw each method's difference to row number ``base``, with its interval."""
    others = [n for n in range(len(found.rows)) if n != base]
    name = found.rows[base].method
    figure = blank(7.4, 0.24 * len(others) + 0.5)
    ax, words = figure.subplots(1, 2, sharey=True, gridspec_kw={"width_ratios": (3.2, 1)})
    ax.axvline(0, color=GREY, lw=0.8, zorder=0)
    written: list[tuple[str, bool]] = []
    for y, n in enumerate(others):
        pair = found.ranking.pairs[min(n, base), max(n, base)]
        sign = 1 if n < base else -1
        told = found.ranking.separable(n, base)
        mean = sign * pair.difference
        half = 0.0 if pair.bounds is None else (pair.bounds[1] - pair.bounds[0]) / 2
        colour = COLOURS[0] if told else GREY
        ax.errorbar(
            mean, y, xerr=half, fmt="s", ms=4.5, color=colour, mfc=colour if told else PAPER, mew=1.0,
            elinewidth=1.0, zorder=2,
        )  # fmt: skip
        written.append((f"{signed(mean)}  [{signed(mean - half)}, {signed(mean + half)}]", told))
    ax.set_yticks(range(len(others)), [shortened(found.rows[n].method, 30) for n in others])
    ax.set_ylim(len(others) - 0.4, -0.6)
    ax.set_xlabel(f"{found.column.title} minus that of {name}, in points")
    tidy(ax, grid="x")
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    words.set_axis_off()
    for y, (text, told) in enumerate(written):
        words.text(0, y, text, va="center", size=7.5, color=INK if told else GREY)
    over = _over([pair for key, pair in found.ranking.pairs.items() if base in key])
    captioned(
        figure,
        f"{found.column.title}: differences to {name}",
        place,
        [
            f"Bars: 95 % intervals of each difference by itself, over {over}. Filled: separable among all "
            "pairs. " + _tests(found)
        ],
    )
    return figure


def _tests(found: RankedTable) -> str:
    pairs = list(found.ranking.pairs.values())
    return (
        f"Paired tests of all {len(pairs)} pairs over {_over(pairs)}; of those told apart at most 5 % are "
        "equal (Benjamini and Hochberg)."
    )


def _over(pairs: Sequence[PairedDifference]) -> str:
    covers = {pair.covers for pair in pairs if pair.covers}
    return in_words(max(covers, key=len)) if covers else "nothing"
