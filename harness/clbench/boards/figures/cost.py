"""Cost against accuracy: seconds, parameters and memory, on one kind of machine at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from clbench.boards.figures.courses import Course, Subject, courses_of
from clbench.boards.figures.drawing.files import settled
from clbench.boards.figures.drawing.image import Drawing
from clbench.boards.figures.drawing.labels import place_labels
from clbench.boards.figures.drawing.style import COLOURS, FAINT, GREY, PAPER, blank, captioned, styled, tidy
from clbench.boards.figures.quantities import COSTS, Cost, machines_of, values_of
from clbench.boards.formats.wording import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["cost_figure", "draw_costs"]

Points: TypeAlias = dict[str, tuple[float, float]]
Segments: TypeAlias = list[tuple[tuple[float, float], tuple[float, float]]]


def draw_costs(subject: Subject) -> Iterator[Drawing]:
    """Draw one figure for each machine that has records of a finished run."""
    machines = machines_of(subject.records)
    for number, (machine, records) in enumerate(machines.items(), start=1):
        courses = [c for c in courses_of(records) if c.average is not None]
        if not courses or not any(values_of(course, cost) for course in courses for cost in COSTS):
            continue
        end = f"-{number}" if len(machines) > 1 else ""
        yield Drawing(
            "cost",
            f"cost-{subject.stem}{end}",
            "Cost against Average" + (f" on {machine}" if len(machines) > 1 else ""),
            f"Average of {len(courses)} methods against seconds, memory and parameters, "
            f"{subject.group.title}, on {machine}. {_alt(courses)}",
            partial(cost_figure, courses, subject.group.title, machine, others=len(machines) - 1),
        )


@styled
def cost_figure(courses: Sequence[Course], place: str, machine: str, *, others: int = 0) -> Figure:
    """Draw Average against each of :data:`COSTS`, with the line that no cheaper method is above.

    Args:
        courses: finished, all on ``machine``.
        place: what the courses share, in words.
        machine: where they ran.
        others: how many further machines the records are from.
    """
    shown = [cost for cost in COSTS if any(values_of(course, cost) for course in courses)]
    columns = min(2, len(shown))
    rows = -(-len(shown) // columns)
    figure = blank(5.3 * columns, 3.8 * rows)
    axes = list(figure.subplots(rows, columns, squeeze=False, sharey=True).flat)
    for ax in axes[len(shown) :]:
        ax.set_visible(False)
    base = next((c.average.mean for c in courses if c.protocol == "zero_shot" and c.average), None)
    placed: list[tuple[Points, Segments]] = []
    for ax, cost in zip(axes, shown, strict=False):
        if base is not None:
            ax.axhline(base, color=FAINT, lw=0.8, ls=(0, (1, 2)), zorder=0)
        placed.append(_panel(ax, courses, cost))
        ax.set_xlabel(cost.title)
    for ax in axes[::columns]:
        ax.set_ylabel("Average in %")
    axes[0].margins(y=0.1)
    notes = [
        "Points: means over seeds; bars: 95 % intervals of Average, lowest and highest cost. Grey crosses: "
        "references. Line: no method that learns task after task is better at less. "
        + ("Dotted: zero-shot. " if base is not None else "")
        + "Seconds are wall time, and depend on what else the machine did."
    ]
    if others:
        notes.append(
            f"Runs on {others} other machine{'s' * (others > 1)} are in figures of their own: their costs do "
            "not compare with these."
        )
    captioned(figure, "What accuracy costs", f"{place}; {machine}", notes)
    for ax in axes:
        ax.set_ylim(ax.get_ylim())
        ax.set_xlim(ax.get_xlim())
    settled(figure)
    for ax, (points, lines) in zip(axes, placed, strict=False):
        names = [shortened(label, 28) for label in points]
        place_labels(ax, list(points.values()), names, lines=lines)
    return figure


def _panel(ax: Axes, courses: Sequence[Course], cost: Cost) -> tuple[Points, Segments]:
    """Draw one quantity; return each label's point, and the lines that labels should not lie on."""
    from matplotlib.ticker import FuncFormatter, NullLocator

    known = {course.label: values_of(course, cost) for course in courses}
    positive = [value for values in known.values() for value in values if value > 0]
    zeros = any(values and max(values) <= 0 for values in known.values())
    # A logarithm has no place for nothing: zeros stand apart at the left, behind a line.
    nothing = (min(positive) / 6 if positive else 1.0) if zeros else None
    points: Points = {}
    steps: list[tuple[float, float]] = []
    lines: Segments = []
    for course in courses:
        values, average = known[course.label], course.average
        if not values or average is None:
            continue
        none = max(values) <= 0
        x = nothing if none and nothing is not None else float(np.mean(values))
        ranked = course.protocol == "stream"
        colour = COLOURS[0] if ranked else GREY
        spread = None if none else [[x - min(values)], [max(values) - x]]
        ax.errorbar(
            x, average.mean, yerr=average.half_width, xerr=spread, fmt="o" if ranked else "x", color=colour,
            ms=5, mec=PAPER if ranked else GREY, mew=0.5 if ranked else 1.3, elinewidth=0.7, zorder=3,
            label=course.label,
        )  # fmt: skip
        points[course.label] = (x, average.mean)
        if not none:
            lines.append(((min(values), average.mean), (max(values), average.mean)))
        if average.low is not None and average.high is not None:
            lines.append(((x, average.low), (x, average.high)))
        if ranked:
            steps.append((x, average.mean))
    if positive:
        ax.set_xscale("log")
        ticks = _ticks(min(positive), max(positive))
        ax.set_xticks([nothing, *ticks] if nothing is not None else ticks)
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _tick(x, nothing)))
    if nothing is not None and positive:
        ax.axvline(nothing * 2.4, color=FAINT, lw=0.7)
    lines += _frontier(ax, steps)
    tidy(ax)
    ax.margins(x=0.14)
    if positive:
        ax.set_xlim(_with_two(ax.get_xlim(), ticks))
    return points, lines


def _frontier(ax: Axes, points: Sequence[tuple[float, float]]) -> Segments:
    """Draw the step line over the points that no other is above at less cost; return its segments."""
    best, line = -np.inf, []
    for x, y in sorted(points, key=lambda point: (point[0], -point[1])):
        if y > best:
            line.append((x, y))
            best = y
    segments: Segments = []
    for (x0, y0), (x1, y1) in pairwise(line):
        segments += [((x0, y0), (x1, y0)), ((x1, y0), (x1, y1))]
    if segments:
        ax.step([x for x, _ in line], [y for _, y in line], where="post", color=COLOURS[0], lw=0.8, alpha=0.5)
    return segments


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers within a factor of two of the values: powers of ten, and of short axes more."""
    steps = (1.0,) if high / low > 200 else (1.0, 3.0) if high / low > 12 else (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    return [step * 10.0**k for k in powers for step in steps if low / 2 <= step * 10.0**k <= 2 * high]


def _with_two(limits: tuple[float, float], ticks: Sequence[float]) -> tuple[float, float]:
    """Widen an axis until two of ``ticks`` are on it, without which nobody can read it."""
    low, high = limits
    near = sorted(ticks, key=lambda tick: max(low / tick, tick / high))[:2]
    return min(low, *(tick / 1.04 for tick in near)), max(high, *(tick * 1.04 for tick in near))


def _tick(value: float, nothing: float | None) -> str:
    if nothing is not None and value <= nothing:
        return "0"
    for unit, name in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"


def _alt(courses: Sequence[Course]) -> str:
    timed = [
        (float(np.mean(v)), c) for c in courses if c.protocol == "stream" and (v := values_of(c, COSTS[0]))
    ]
    if not timed:
        return ""
    cheapest, dearest = min(timed, key=lambda t: t[0]), max(timed, key=lambda t: t[0])
    best = max((c for _, c in timed), key=lambda c: c.average.mean if c.average else 0.0)
    seconds = next(s for s, c in timed if c is best)
    mean = best.average.mean if best.average else 0.0
    return (
        f"Learning takes from {cheapest[0]:,.0f} s ({cheapest[1].label}) to {dearest[0]:,.0f} s "
        f"({dearest[1].label}); the highest Average, {mean:.1f} %, is of {best.label} after {seconds:,.0f} s."
    )
