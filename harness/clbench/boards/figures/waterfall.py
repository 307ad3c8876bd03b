"""Forgetting: from the accuracy just after learning a task to the one at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from clbench.boards.figures.courses import Course, Subject, single
from clbench.boards.figures.drawing.cells import changes_figure
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
from clbench.boards.tables.intervals import in_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_waterfall", "forgetting_figure", "waterfall_figure"]

_LOST, _GAINED = COLOURS[1], COLOURS[0]


def draw_waterfall(subject: Subject) -> Iterator[Drawing]:
    """Draw what all methods forgot of each task, and a waterfall of each method by itself."""
    courses = [c for c in subject.courses if c.protocol == "stream" and c.finished and _complete(c)]
    place, stem = subject.group.title, subject.stem
    if len(courses) > 1:
        means = {course.label: float(_change(course)[:-1].mean()) for course in courses}
        best, worst = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
        yield Drawing(
            "waterfall",
            f"forgetting-{stem}",
            "Forgetting of each task",
            f"Forgetting of {len(courses)} methods, {place}: mean change of accuracy from just learned to "
            f"the end, from {signed(means[worst], 1)} points ({worst}) to {signed(means[best], 1)} ({best}).",
            partial(forgetting_figure, courses, place),
        )
    for course in courses:
        learned, last, change = np.diagonal(course.matrix), course.matrix[-1], _change(course)
        j = int(np.argmin(change))
        yield Drawing(
            "waterfall",
            f"waterfall-{stem}-{subject.slug(course)}",
            f"{course.label}: forgetting waterfall",
            f"{course.label} ({course.seeds}), {place}: mean accuracy {learned.mean():.1f} % as learned, "
            f"{last.mean():.1f} % at the end. The largest loss is {course.tasks[j].title}, "
            f"{signed(float(change[j]), 1)} points.",
            partial(waterfall_figure, course, place),
            course.label,
        )


@styled
def forgetting_figure(courses: Sequence[Course], place: str) -> Figure:
    """Draw ``A[T-1, j] - A[j, j]`` of each task but the last, a row a method, least forgotten first."""
    ordered = sorted(courses, key=lambda course: -float(_change(course)[:-1].mean()))
    return changes_figure(
        np.array([_change(course)[:-1] for course in ordered]),
        [course.label for course in ordered],
        [task.title for task in courses[0].tasks[:-1]],
        title="Forgetting: from just learned to the end",
        subtitle=place,
        notes=[
            "Points: accuracy after the last task minus accuracy just after the task was learned; red: "
            "forgotten. The last task cannot be forgotten. Whoever learns little has little to forget: read "
            "it beside Last. Means over seeds."
        ],
    )


@styled
def waterfall_figure(course: Course, place: str) -> Figure:
    """Draw how the mean accuracy as learned falls, task by task, to Last.

    Rows are tasks, the largest loss first. On the left each task's own accuracy, just learned and at the
    end; on the right what its change adds to the mean over all T tasks, change / T.
    """
    learned, last, change = np.diagonal(course.matrix), course.matrix[-1], _change(course)
    order = np.argsort(change, kind="stable")
    count = len(order)
    figure = blank(8.6, 0.27 * (count + 2) + 0.6)
    left, right = figure.subplots(1, 2, sharey=True, gridspec_kw={"width_ratios": (1, 1.15)})
    _dumbbells(left, learned[order], last[order])
    _cascade(right, course, order)
    half = [course.half_width(single(count, count - 1, j) - single(count, j, j)) for j in range(count)]
    for row, j in enumerate(order, start=1):
        spread = "" if np.isnan(half[j]) or j == count - 1 else f" ± {half[j]:.1f}"
        said = "learned last" if j == count - 1 else f"{signed(float(change[j]), 1)}{spread}"
        left.annotate(
            said,
            (max(learned[j], last[j]), row),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            size=7,
            color=GREY,
        )
    names = [shortened(course.tasks[j].title) for j in order]
    left.set_yticks(range(count + 2), ["mean as learned", *names, "Last"])
    for row in (0, count + 1):
        left.get_yticklabels()[row].set_fontweight("bold")
    left.set_ylim(count + 1.6, -0.6)
    low, high = left.get_xlim()
    left.set_xlim(low, high + 0.24 * (high - low))  # room for the words behind the points
    left.set_xticks([tick for tick in left.get_xticks() if low <= tick <= 100])
    left.set_xlabel("accuracy on the task in %")
    right.set_xlabel("mean accuracy over all tasks in %")
    right.tick_params(left=False, labelleft=False)
    covers = course.average.covers if course.average else ()
    spread_note = f" ± half the 95 % interval over {in_words(covers)}." if covers else ""
    captioned(
        figure,
        f"{course.label}: what is forgotten, from just learned to the end",
        f"{place}, {course.seeds}",
        [
            f"Left, each task: ring just learned, dot at the end, change in points.{spread_note} Right: a "
            f"task's change divided by the number of tasks, {count}, from the mean as learned down to Last."
        ],
    )
    return figure


def _dumbbells(ax: Axes, learned: npt.NDArray[np.float64], last: npt.NDArray[np.float64]) -> None:
    rows = np.arange(1, len(last) + 1)
    colours = [_LOST if b < a else _GAINED if b > a else GREY for a, b in zip(learned, last, strict=True)]
    ax.hlines(rows, learned, last, color=colours, lw=1.6, zorder=2)
    ax.scatter(
        learned, rows, s=26, facecolor=PAPER, edgecolor=colours, lw=1.2, zorder=3, label="just learned"
    )
    ax.scatter(last, rows, s=26, color=colours, zorder=4, label="at the end")
    tidy(ax, grid="x")
    ax.tick_params(axis="y", length=0)


def _cascade(ax: Axes, course: Course, order: npt.NDArray[np.intp]) -> None:
    count = len(order)
    steps = _change(course)[order] / count
    levels = np.concatenate(
        [[np.diagonal(course.matrix).mean()], np.diagonal(course.matrix).mean() + steps.cumsum()]
    )
    for row, (start, step) in enumerate(zip(levels[:-1], steps, strict=True), start=1):
        ax.barh(row, step, left=start, height=0.62, color=_LOST if step < 0 else _GAINED, zorder=2)
    for row, level in ((0, levels[0]), (count + 1, levels[-1])):
        ax.plot([level], [row], marker="d", color=INK, ms=6, zorder=3)
        ax.annotate(
            f"{level:.1f} %",
            (level, row),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            size=8,
            color=INK,
        )
    for row, level in enumerate(levels):
        ax.plot([level, level], [row, row + 1], color=FAINT, lw=0.7, zorder=1)
    low, high = float(levels.min()), float(levels.max())
    margin = max(0.12 * (high - low), 0.5)
    ax.set_xlim(low - margin, high + 1.8 * margin)
    tidy(ax, grid="x")


def _change(course: Course) -> npt.NDArray[np.float64]:
    """``A[T-1, j] - A[j, j]`` of the mean matrix: shape (T,), in points; negative = forgotten."""
    change: npt.NDArray[np.float64] = course.matrix[-1] - np.diagonal(course.matrix)
    return change


def _complete(course: Course) -> bool:
    return len(course.tasks) > 1 and not bool(np.isnan(_change(course)).any())
