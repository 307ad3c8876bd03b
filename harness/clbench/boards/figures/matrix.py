"""The accuracy matrix of one method as a heat map."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from clbench.boards.figures.courses import Course, Subject
from clbench.boards.figures.drawing.cells import CELL, TINY, accuracy_cells, room
from clbench.boards.figures.drawing.image import Drawing
from clbench.boards.figures.drawing.style import blank, captioned, styled
from clbench.boards.formats.wording import shortened
from clbench.results.records import Record, measure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_matrices", "matrix_figure"]

_NOTE = (
    "Accuracy in % (top-1). The framed diagonal parts what counts for Transfer, above it, from what is "
    "remembered, below it."
)


def draw_matrices(subject: Subject) -> Iterator[Drawing]:
    """Draw one heat map for each method that has a row to show."""
    for course in subject.courses:
        if np.isnan(course.stack).all() and np.isnan(course.zero_shot).all():
            continue
        name = course.label
        yield Drawing(
            "matrix",
            f"matrix-{subject.stem}-{subject.slug(course)}",
            f"{name}: accuracy on each task after each task",
            f"Accuracy matrix of {name} ({course.seeds}), {subject.group.title}. {_alt(course)}",
            partial(matrix_figure, course, subject.group.title),
            course.label,
        )


@styled
def matrix_figure(course: Course, place: str) -> Figure:
    """Draw the mean accuracy matrix with the zero-shot row above it.

    Rows = after learning a task, columns = tasks; percent, in the primary label space. Rows that are not
    recorded yet stay empty.

    Raises:
        ValueError: there is neither a row nor a zero-shot row to draw.
    """
    from matplotlib.patches import Rectangle

    matrix, zero_shot = course.matrix, course.zero_shot
    if np.isnan(matrix).all() and np.isnan(zero_shot).all():
        raise ValueError("this record has no accuracies to draw")
    count = len(course.tasks)
    side = (CELL if count < TINY else 0.22) * count
    titles = [shortened(task.title) for task in course.tasks]
    figure = blank(max(side + room(titles) + 0.4, 5.0), 0.72 * side + 0.6 * room(titles) + 0.55)
    top, bottom = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (1, count)})
    for ax, values, labels in (
        (top, zero_shot[None, :], ["zero-shot"]),
        (bottom, matrix, [f"after {title}" for title in titles]),
    ):
        accuracy_cells(ax, values)
        ax.set_yticks(range(len(labels)), labels)
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
    top.tick_params(bottom=False, labelbottom=False)
    bottom.set_xticks(range(count), titles, rotation=35, ha="right", rotation_mode="anchor")
    for i in range(count):
        bottom.add_patch(Rectangle((i - 0.5, i - 0.5), 1, 1, fill=False, ec="#ffffff", lw=1.8, zorder=3))
    record = course.records[0]
    name = record.method.title if course.label == record.method.name else course.label
    figures = ", ".join(f"{title} {value:.2f}" for title, value in _metrics(course).items())
    captioned(
        figure,
        f"{name}, {course.seeds}",
        place,
        [f"{figures}. {_NOTE}" if figures else f"{_recorded(course)} {_NOTE}"],
    )
    return figure


def course_of(record: Record) -> Course:
    """The record by itself."""
    return Course(record.method.name, (record,))


def _metrics(course: Course) -> dict[str, float]:
    """Of the mean matrix; each is a mean of entries, so it is also the mean over seeds."""
    if np.isnan(course.matrix).any():
        return {}
    found = measure([[float(x) for x in row] for row in course.matrix])
    every = {"Transfer": found.transfer, "Average": found.average, "Last": found.last}
    return {title: value for title, value in every.items() if value is not None}


def _recorded(course: Course) -> str:
    """How far runs are that are not finished, or where values are missing."""
    rows = int((~np.isnan(course.matrix).all(axis=1)).sum())
    unfinished = sorted({r.status for r in course.records if r.status != "finished"})
    said = f": the run {'has failed' if unfinished == ['failed'] else 'goes on'}" if unfinished else ""
    return f"{rows} of {len(course.tasks)} tasks are recorded{said}."


def _alt(course: Course) -> str:
    figures = _metrics(course)
    if not figures:
        return _recorded(course)
    diagonal, last = np.diagonal(course.matrix), course.matrix[-1]
    worst = int(np.argmin(last - diagonal))
    said = ", ".join(f"{title} {value:.2f} %" for title, value in figures.items())
    change = last[worst] - diagonal[worst]
    if change >= 0:
        return f"{said}. No task is worse at the end than when it was learned."
    return (
        f"{said}. Most is forgotten of {course.tasks[worst].title}: {diagonal[worst]:.1f} % when learned, "
        f"{last[worst]:.1f} % at the end."
    )
