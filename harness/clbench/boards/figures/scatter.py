"""Last against Transfer, with lines of equal Average and the zero-shot model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from clbench.boards.figures.courses import Subject
from clbench.boards.figures.drawing.files import settled
from clbench.boards.figures.drawing.image import Drawing
from clbench.boards.figures.drawing.isoaverage import IsoAverage
from clbench.boards.figures.drawing.labels import place_labels
from clbench.boards.figures.drawing.style import (
    COLOURS,
    FAINT,
    GREY,
    MARKERS,
    PAPER,
    blank,
    captioned,
    styled,
    tidy,
)
from clbench.boards.formats.wording import shortened, signed
from clbench.boards.tables.building import board_of
from clbench.boards.tables.intervals import in_words
from clbench.boards.tables.rows import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

__all__ = ["draw_scatter", "scatter_figure"]


def draw_scatter(subject: Subject) -> Iterator[Drawing]:
    """Draw all methods of the subject in one figure, where one has a Transfer and a Last."""
    rows = _rows(subject)
    if all(row.protocol == "zero_shot" for row in rows):
        return
    best = max(rows, key=lambda row: row.values["last"].mean)
    far = max(rows, key=lambda row: row.values["transfer"].mean)
    alt = (
        f"Scatter of {len(rows)} methods, {subject.group.title}. Last is from "
        f"{min(r.values['last'].mean for r in rows):.1f} to {best.values['last'].mean:.1f} % "
        f"({best.method}), Transfer from {min(r.values['transfer'].mean for r in rows):.1f} to "
        f"{far.values['transfer'].mean:.1f} % ({far.method})."
    )
    zero_shot = next((row for row in rows if row.protocol == "zero_shot"), None)
    if zero_shot is not None:
        t, last = zero_shot.values["transfer"].mean, zero_shot.values["last"].mean
        alt += f" The zero-shot model has Transfer {t:.1f} % and Last {last:.1f} %."
    yield Drawing(
        "scatter",
        f"scatter-{subject.stem}",
        "Transfer against Last",
        alt,
        partial(scatter_figure, subject, rows),
    )


def _rows(subject: Subject) -> list[Row]:
    table = board_of(subject.records, ranks=False).tables[0]
    # Joint training has no tasks not learned yet: its Transfer would only stretch the axis.
    return [row for row in table.rows if {"transfer", "last"} <= set(row.values) and row.protocol != "joint"]


@styled
def scatter_figure(subject: Subject, rows: Sequence[Row] | None = None) -> Figure:
    """Draw a point for each row of the leaderboard, with 95 % intervals.

    Raises:
        ValueError: no row has a Transfer and a Last.
    """
    rows = _rows(subject) if rows is None else rows
    if not rows:
        raise ValueError("no record has a Transfer and a Last to draw")
    figure = blank(7.4, 4.8)
    ax = figure.subplots()
    # By name, not by rank: a method looks the same in the figures of all orders.
    ranked = sorted(row.method for row in rows if row.kind == "ranked")
    for row in rows:
        if row.kind == "ranked":
            number = ranked.index(row.method)
            # Where the colours begin again, the markers do so one further on: no two rows look alike.
            turn, colour = divmod(number, len(COLOURS))
            _point(ax, row, COLOURS[colour], MARKERS[(number + turn) % len(MARKERS)])
        else:
            _point(ax, row, GREY, "*" if row.protocol == "zero_shot" else "x")
    ax.set_xlabel("Transfer in %: tasks not learned yet")
    ax.set_ylabel("Last in %: all tasks, after the last one")
    ax.margins(x=0.12, y=0.07)
    tidy(ax, grid="none")
    notes = [f"Beside each name its measured Average. Bars: 95 % intervals over {_over(rows)}."]
    zero_shot = next((row for row in rows if row.protocol == "zero_shot"), None)
    if zero_shot is not None:
        for line, metric in ((ax.axvline, "transfer"), (ax.axhline, "last")):
            line(zero_shot.values[metric].mean, color=FAINT, lw=0.8, ls=(0, (1, 2)), zorder=0)
        notes[0] += " Dotted: the zero-shot model."
    iso = IsoAverage.of(rows, len(subject.tasks), subject.group.label_space)
    if iso.residuals:
        notes.append(_explained(iso, len(subject.tasks)))
    if any(course.protocol == "joint" for course in subject.courses):
        notes.append("Joint training is left out: it has no tasks not learned yet.")
    captioned(
        figure, "What is left of zero-shot skill, and what is left at the end", subject.group.title, notes
    )
    # Names are placed on the final axes.
    ax.autoscale_view()
    ax.set(xlim=ax.get_xlim(), ylim=ax.get_ylim())
    settled(figure)
    marked = _lines(ax, iso) if iso.residuals else []
    points = [(row.values["transfer"].mean, row.values["last"].mean) for row in rows]
    names = [_named(row) for row in rows]
    place_labels(ax, points, names, lines=[bar for row in rows for bar in _bars(row)], texts=marked)
    return figure


def _over(rows: Sequence[Row]) -> str:
    """What most of the intervals are over."""
    covers = Counter(x.covers for row in rows for x in row.values.values() if x.half_width is not None)
    return in_words(covers.most_common(1)[0][0]) if covers else "nothing: one seed, and no predictions"


def _explained(iso: IsoAverage, tasks: int) -> str:
    low, high = min(iso.residuals.values()), max(iso.residuals.values())
    shift = f" {signed(iso.shift, 2)}" if iso.shift else ""
    anchor = ", the last so that the zero-shot model lies on its own" if iso.shift else ""
    return (
        f"Dashed: equal Average if it followed from the two axes, {iso.transfer:.3g} · Transfer + "
        f"{iso.last:.3g} · Last{shift} (shares of the {tasks} × {tasks} matrix before and after learning"
        f"{anchor}). Measured Averages are {signed(low, 1)} to {signed(high, 1)} points off these lines."
    )


def _named(row: Row) -> str:
    mean = row.values.get("average")
    name = shortened(row.method, 28)
    return name if mean is None else f"{name} {mean.mean:.1f}"


def _lines(ax: Axes, iso: IsoAverage) -> list[Text]:
    """Draw the lines and write on each; return what was written."""
    from matplotlib.ticker import MaxNLocator

    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    corners = [iso.transfer * x + iso.last * y + iso.shift for x, y in ((left, bottom), (right, top))]
    slope = -iso.transfer / iso.last
    across, up = ax.transData.transform((1, slope)) - ax.transData.transform((0, 0))
    angle = float(np.degrees(np.arctan2(up, across)))
    written = []
    for level in MaxNLocator(9, steps=[1, 2, 2.5, 5, 10]).tick_values(*corners):
        start, end = iso.last_at(level, left), iso.last_at(level, right)
        if start <= bottom or end >= top:
            continue
        ax.plot(
            [left, right], [start, end], color=FAINT, lw=0.7, ls=(0, (5, 4)), zorder=0, gid=f"iso-{level:g}"
        )
        # Written on the line, where it leaves the axes at the right or below.
        y = max(end, bottom)
        x = left + (y - start) / (end - start) * (right - left)
        written.append(
            ax.text(
                x,
                y,
                f"Average {level:g}",
                rotation=angle,
                rotation_mode="anchor",
                ha="right",
                va="center",
                size=6.5,
                color=GREY,
                zorder=0.5,
                bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1.0},
            )
        )
    return written


def _bars(row: Row) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """The error bars of a point, as segments."""
    x, y = row.values["transfer"], row.values["last"]
    bars = []
    if x.low is not None and x.high is not None:
        bars.append(((x.low, y.mean), (x.high, y.mean)))
    if y.low is not None and y.high is not None:
        bars.append(((x.mean, y.low), (x.mean, y.high)))
    return bars


def _point(ax: Axes, row: Row, colour: str, marker: str) -> None:
    x, y = row.values["transfer"], row.values["last"]
    ax.errorbar(
        x.mean,
        y.mean,
        xerr=x.half_width,
        yerr=y.half_width,
        fmt=marker,
        color=colour,
        elinewidth=0.8,
        ms=9 if marker == "*" else 6.5,
        mec=PAPER if marker != "x" else colour,
        mew=0.6 if marker != "x" else 1.5,
        label=row.method,
        zorder=3,
    )
