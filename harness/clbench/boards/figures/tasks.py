"""The accuracy on each task over time, with the moment it was learned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from clbench.boards.figures.courses import Course, Subject, bands
from clbench.boards.figures.drawing.image import Drawing
from clbench.boards.figures.drawing.panels import PANEL_COLUMNS, Ink, explained, inks, panels
from clbench.boards.figures.drawing.style import GREY, styled, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_tasks", "tasks_figure"]


def draw_tasks(subject: Subject) -> Iterator[Drawing]:
    """Draw one panel for each task: all methods together, and each by itself where there are several."""
    courses = [c for c in subject.courses if c.protocol in ("stream", "independent") and not _empty(c)]
    if len(courses) > 1:
        yield Drawing(
            "tasks",
            f"tasks-{subject.stem}",
            "Accuracy on each task over time",
            f"Accuracy on each of {len(subject.tasks)} tasks over time, {len(courses)} methods, "
            f"{subject.group.title}. {_alt(courses)}",
            partial(tasks_figure, courses, subject.group.title),
        )
    for course in courses:
        name = course.label
        yield Drawing(
            "tasks",
            f"tasks-{subject.stem}-{subject.slug(course)}",
            f"{name}: accuracy on each task over time",
            f"{name} ({course.seeds}): accuracy on each task over time, {subject.group.title}. "
            f"{_alt([course])}",
            partial(tasks_figure, [course], subject.group.title),
            name,
        )


@styled
def tasks_figure(courses: Sequence[Course], place: str) -> Figure:
    """Draw one panel for each task and a line for each course; they are of one subject.

    To the right: how many tasks have been learned, 0 being the zero-shot model. A dot marks the moment at
    which the panel's task was learned. Bands: 95 % intervals, for a course by itself.
    """
    tasks = courses[0].tasks
    figure, axes = panels([task.title for task in tasks], sharey=False)
    chosen = inks(courses) if len(courses) > 1 else {courses[0].label: Ink("#0072b2")}
    spans = []
    for j, ax in enumerate(axes):
        ax.axvspan(-0.3, j + 1, color="#8a8a93", alpha=0.09, lw=0, zorder=0)
        drawn = [_line(ax, course, j, chosen[course.label], band=len(courses) == 1) for course in courses]
        bases = [course.zero_shot[j] for course in courses if not np.isnan(course.zero_shot[j])]
        if bases:
            ax.axhline(bases[0], color=GREY, lw=0.7, ls=(0, (1, 2)), zorder=2)
            drawn.append((bases[0], bases[0]))
        spans.append((min(low for low, _ in drawn), max(high for _, high in drawn)))
        tidy(ax)
    _equal_spans(axes, spans)
    axes[0].set_xlim(-0.3, len(tasks) + 0.3)
    step = max(1, -(-len(tasks) // 5))
    axes[0].set_xticks(range(0, len(tasks) + 1, step))
    for ax in axes[::PANEL_COLUMNS]:
        ax.set_ylabel("accuracy in %")
    alone = len(courses) == 1
    note = (
        "Dot: just learned; shaded: not learned yet; dotted: zero-shot. All panels span equally many points"
    )
    explained(
        figure,
        courses,
        chosen,
        time="tasks learned so far (0: the zero-shot model)",
        title=f"{courses[0].label}: accuracy on each task over time"
        if alone
        else "Accuracy on each task over time",
        subtitle=place,
        notes=[note + "." + (bands(courses[0]) if alone else "")],
    )
    return figure


def _line(ax: Axes, course: Course, j: int, ink: Ink, *, band: bool) -> tuple[float, float]:
    mean = course.matrix[:, j]
    half = course.half_widths[:, j] if band else np.full(len(mean), np.nan)
    x = np.arange(len(mean) + 1)
    y = np.concatenate([[course.zero_shot[j]], mean])
    ax.plot(x, y, color=ink.colour, ls=ink.style, lw=ink.width, zorder=ink.order, label=course.label)
    if not ink.faint:
        ax.plot([j + 1], [mean[j]], "o", color=ink.colour, ms=3.8, mew=0, zorder=ink.order + 1)
    if band and not np.isnan(half).all():
        around = np.concatenate([half[:1], half])
        ax.fill_between(x, y - around, y + around, color=ink.colour, alpha=0.18, lw=0, zorder=1)
    known = y[~np.isnan(y)]
    return (float(known.min()), float(known.max())) if len(known) else (50.0, 50.0)


def _equal_spans(axes: Sequence[Axes], spans: Sequence[tuple[float, float]]) -> None:
    """Let every panel span as many points as the widest one needs: equal changes look equal everywhere."""
    points = 1.12 * max(*(high - low for low, high in spans), 5.0)
    for ax, (low, high) in zip(axes, spans, strict=True):
        bottom = (low + high - points) / 2
        # Nothing is above 100 or below 0 but a little room.
        within = min(max(bottom, -0.06 * points), 100 + 0.06 * points - points)
        bottom = within if points < 100 else 50 - points / 2
        ax.set_ylim(bottom, bottom + points)


def _empty(course: Course) -> bool:
    return bool(np.isnan(course.stack).all())


def _alt(courses: Sequence[Course]) -> str:
    said = []
    for course in courses[:3]:
        if course.finished:
            learned, last = np.diagonal(course.matrix).mean(), course.matrix[-1].mean()
            said.append(
                f"{course.label}: {learned:.1f} % on average when just learned, {last:.1f} % at the end"
            )
    return "; ".join(said) + ("." if said else "")
