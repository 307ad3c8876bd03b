"""Small multiples: one panel for each task, time to the right, a line for each method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from clbench.boards.courses import Course
from clbench.boards.figures.style import COLOURS, FAINT, INK, blank, wrapped
from clbench.results.records import TaskRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Ink", "inks", "key", "panels", "shown_in_grey"]

_COLUMNS = 5
_WIDTH, _HEIGHT = 1.95, 1.5


class Ink:
    """The colour and weight of a method's line; faint for those that only give the background."""

    def __init__(self, colour: str, *, faint: bool = False) -> None:
        self.colour = colour
        self.faint = faint
        self.width = 0.6 if faint else 1.4
        self.order = 1.0 if faint else 3.0


def inks(courses: Sequence[Course]) -> dict[str, Ink]:
    """Return an ink for each label: colours for the best ranked ones, as many as there are, grey for others."""
    result: dict[str, Ink] = {}
    colours = iter(COLOURS)
    for course in courses:
        colour = next(colours, None) if course.protocol == "stream" else None
        result[course.label] = Ink(colour) if colour else Ink(FAINT, faint=True)
    return result


def panels(tasks: Sequence[TaskRecord], *, sharey: bool) -> tuple[Figure, list[Axes]]:
    """Return a figure with a titled panel for each task, five in a row, on a common scale of time."""
    columns = min(len(tasks), _COLUMNS)
    rows = -(-len(tasks) // columns)
    figure = blank(max(_WIDTH * columns + 0.5, 5.0), _HEIGHT * rows + 1.6)
    grid = figure.subplots(rows, columns, sharex=True, sharey=sharey, squeeze=False)
    axes = list(grid.flat)
    for ax in axes[len(tasks) :]:
        ax.set_visible(False)
    # Below a panel that is not there the scale belongs to the one above it.
    for ax in axes[: len(tasks)][-columns:]:
        ax.tick_params(labelbottom=True)
    for ax, task in zip(axes, tasks, strict=False):
        lines = wrapped(task.title, _WIDTH - 0.25, 8.5)
        ax.set_title("\n".join(lines[:2]) + ("…" if len(lines) > 2 else ""), size=8.5, pad=4)
    return figure, axes[: len(tasks)]


def key(figure: Figure, courses: Sequence[Course], chosen: dict[str, Ink]) -> None:
    """Name the coloured lines in one row of words below the panels."""
    from matplotlib.lines import Line2D

    named = [course.label for course in courses if not chosen[course.label].faint]
    if len(courses) < 2 or not named:
        return
    handles = [Line2D([], [], color=chosen[label].colour, lw=2, label=label) for label in named]
    if len(named) < len(courses):
        handles.append(Line2D([], [], color=FAINT, lw=0.8, label="others"))
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=min(len(handles), 8),
        frameon=False,
        fontsize=8,
        labelcolor=INK,
        handlelength=1.2,
        columnspacing=1.4,
    )


def shown_in_grey(courses: Sequence[Course], chosen: dict[str, Ink]) -> list[str]:
    """A note that names the methods in grey; none where there are none."""
    names = [course.label for course in courses if chosen[course.label].faint]
    if not names:
        return []
    return [
        f"Grey: {', '.join(names)}. Colours go to the methods of highest Average; choose others with --methods."
    ]
