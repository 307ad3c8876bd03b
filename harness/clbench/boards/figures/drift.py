"""Zero-shot drift: what learning other tasks does to the tasks that are still to come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from clbench.boards.figures.courses import Course, Subject, bands, over_seeds
from clbench.boards.figures.drawing.cells import changes_figure
from clbench.boards.figures.drawing.image import Drawing
from clbench.boards.figures.drawing.panels import PANEL_COLUMNS, Ink, explained, inks, panels
from clbench.boards.figures.drawing.style import GREY, styled, tidy
from clbench.boards.formats.wording import signed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_drift", "drift_course_figure", "drift_figure", "drift_of"]


def drift_of(course: Course) -> npt.NDArray[np.float64]:
    """Return accuracy minus zero-shot accuracy before each task is learned: shape (seeds, T, T), in points.

    Element (s, i, j) is of task j after task i < j; NaN from the moment the task is learned.
    """
    count = len(course.tasks)
    unseen = np.arange(count)[:, None] < np.arange(count)
    change: npt.NDArray[np.float64] = np.where(unseen, course.stack - course.zero_shot, np.nan)
    return change


def draw_drift(subject: Subject) -> Iterator[Drawing]:
    """Draw the mean drift of all methods, and its course for all together and for each by itself."""
    courses = [c for c in subject.courses if c.protocol == "stream" and not np.isnan(drift_of(c)).all()]
    whole = [course for course in courses if course.finished]
    place, stem = subject.group.title, subject.stem
    if len(whole) > 1:
        means = {course.label: float(np.nanmean(_per_task(course))) for course in whole}
        best, worst = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
        yield Drawing(
            "drift",
            f"drift-{stem}",
            "Zero-shot drift before a task is learned",
            f"Zero-shot drift of {len(whole)} methods, {place}: mean change of accuracy on tasks not learned "
            f"yet, from {signed(means[worst], 1)} points ({worst}) to {signed(means[best], 1)} ({best}).",
            partial(drift_figure, whole, place),
        )
        yield Drawing(
            "drift",
            f"drift-course-{stem}",
            "Zero-shot drift over time",
            f"Zero-shot drift of {len(courses)} methods over time, one panel for each unseen task, {place}.",
            partial(drift_course_figure, courses, place),
        )
    for course in courses:
        change = _per_task(course)
        worst_task = int(np.nanargmin(change))
        yield Drawing(
            "drift",
            f"drift-{stem}-{subject.slug(course)}",
            f"{course.label}: zero-shot drift",
            f"{course.label} ({course.seeds}): change of accuracy on tasks not learned yet, {place}. Mean "
            f"{signed(float(np.nanmean(change)), 1)} points; lowest for {course.tasks[worst_task].title}, "
            f"{signed(float(change[worst_task]), 1)}.",
            partial(drift_course_figure, [course], place),
            course.label,
        )


@styled
def drift_figure(courses: Sequence[Course], place: str) -> Figure:
    """Draw the mean drift of each unseen task, a row for each of finished ``courses``, least drift first."""
    ordered = sorted(courses, key=lambda course: -float(np.nanmean(_per_task(course))))
    values = np.array([_per_task(course)[1:] for course in ordered])
    return changes_figure(
        values,
        [course.label for course in ordered],
        [task.title for task in courses[0].tasks[1:]],
        title="Zero-shot drift: forward forgetting",
        subtitle=place,
        notes=[
            "Points: mean accuracy on a task before it is learned, minus that of the zero-shot model; red: "
            "zero-shot skill was lost. The first task is never unseen. The mean is the method's Transfer "
            "minus the zero-shot model's. Means over seeds."
        ],
    )


@styled
def drift_course_figure(courses: Sequence[Course], place: str) -> Figure:
    """Draw one panel for each unseen task: its drift after each task up to the one before it.

    Data sets that were held out have panels of their own, behind those of the tasks.
    """
    tasks = courses[0].tasks
    # Data sets that are never learned stay unseen to the end.
    held = {digest: found.title for course in courses for digest, found in course.held_out.items()}
    titles = [task.title for task in tasks[1:]] + [f"{title} (never learned)" for title in held.values()]
    figure, axes = panels(titles, sharey=True)
    chosen = inks(courses) if len(courses) > 1 else {courses[0].label: Ink("#d55e00")}
    count, alone = len(tasks), len(courses) == 1
    for ax in axes:
        ax.axhline(0.0, color=GREY, lw=0.7, ls=(0, (1, 2)), zorder=2)
        tidy(ax)
    for course in courses:
        half = course.drift_half_widths if alone else np.full((count, count), np.nan)
        drawn = [(axes[j - 1], drift_of(course)[:, :j, j], half[:j, j]) for j in range(1, count)]
        for ax, digest in zip(axes[count - 1 :], held, strict=True):
            if digest in course.held_out:
                found = course.held_out[digest]
                drawn.append((ax, found.after - found.zero_shot, over_seeds(found.after)))
        for ax, values, around in drawn:
            _line(ax, course.label, values.mean(axis=0), chosen[course.label], around if alone else None)
    end = count if held else count - 1
    axes[0].set_xlim(-0.2, end + 0.2)
    axes[0].set_xticks(range(0, end + 1, max(1, -(-count // 5))))
    for ax in axes[::PANEL_COLUMNS]:
        ax.set_ylabel("points off zero-shot")
    note = "Accuracy minus that of the zero-shot model (dotted). Each panel ends where its task is learned."
    explained(
        figure,
        courses,
        chosen,
        time="tasks learned so far, before the panel's own",
        title=f"{courses[0].label}: zero-shot drift over time" if alone else "Zero-shot drift over time",
        subtitle=place,
        notes=[note + (bands(courses[0]) if alone else "")],
    )
    return figure


def _per_task(course: Course) -> npt.NDArray[np.float64]:
    """Mean drift of each task over seeds and over the time before it is learned: (T,); NaN for the first."""
    change = drift_of(course).mean(axis=0)
    known = ~np.isnan(change)
    count = known.sum(axis=0)
    sums = np.where(known, change, 0.0).sum(axis=0)
    result: npt.NDArray[np.float64] = np.where(count > 0, sums / np.maximum(count, 1), np.nan)
    return result


def _line(
    ax: Axes,
    label: str,
    mean: npt.NDArray[np.float64],
    ink: Ink,
    half: npt.NDArray[np.float64] | None,
) -> None:
    """Draw points off zero-shot over the tasks learned, from the zero-shot model's own 0."""
    x, y = np.arange(len(mean) + 1), np.concatenate([[0.0], mean])
    ax.plot(x, y, color=ink.colour, ls=ink.style, lw=ink.width, zorder=ink.order, label=label)
    if not ink.faint:
        ax.plot(x[-1:], mean[-1:], "o", color=ink.colour, ms=3, mew=0, zorder=ink.order)
    if half is not None and not np.isnan(half).all():
        around = np.concatenate([[0.0], half])  # the zero-shot model is not off itself
        ax.fill_between(x, y - around, y + around, color=ink.colour, alpha=0.18, lw=0, zorder=1)
