"""Small multiples: one panel for each task, time to the right, a line for each method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from clbench.boards.figures.courses import Course
from clbench.boards.figures.drawing.style import COLOURS, DASHES, FAINT, blank, captioned, wrapped
from clbench.boards.formats.wording import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["PANEL_COLUMNS", "Ink", "explained", "inks", "panels", "shown_in_grey"]

PANEL_COLUMNS = 5
_WIDTH, _HEIGHT = 1.95, 1.6


class Ink:
    """The colour, dashes and weight of a method's line; faint for those that only give the background."""

    def __init__(self, colour: str, dashes: Sequence[float] = (), *, faint: bool = False) -> None:
        self.colour = colour
        self.style = (0, tuple(dashes)) if dashes else "-"
        self.faint = faint
        self.width = 0.6 if faint else 1.4
        self.order = 1.0 if faint else 3.0


def inks(courses: Sequence[Course]) -> dict[str, Ink]:
    """Return an ink for each label: the best ranked ones get colours while there are any, the rest grey."""
    result: dict[str, Ink] = {}
    styles = zip(COLOURS, DASHES, strict=True)
    for course in courses:
        style = next(styles, None) if course.protocol == "stream" else None
        result[course.label] = Ink(*style) if style else Ink(FAINT, faint=True)
    return result


def panels(titles: Sequence[str], *, sharey: bool) -> tuple[Figure, list[Axes]]:
    """Return a figure with a panel for each title, five in a row, on a common scale of time."""
    columns = min(len(titles), PANEL_COLUMNS)
    rows = -(-len(titles) // columns)
    figure = blank(max(_WIDTH * columns + 0.5, 5.0), _HEIGHT * rows + 0.3)
    grid = figure.subplots(rows, columns, sharex=True, sharey=sharey, squeeze=False)
    axes = list(grid.flat)
    for ax in axes[len(titles) :]:
        ax.set_visible(False)
    # Below a panel that is not there the scale belongs to the one above it.
    for ax in axes[: len(titles)][-columns:]:
        ax.tick_params(labelbottom=True)
    for ax, title in zip(axes, titles, strict=False):
        lines = wrapped(title, _WIDTH - 0.25, 8.5)
        ax.set_title("\n".join(lines[:2]) + ("…" if len(lines) > 2 else ""), size=8.5, pad=4)
    return figure, axes[: len(titles)]


def explained(
    figure: Figure,
    courses: Sequence[Course],
    chosen: Mapping[str, Ink],
    *,
    time: str,
    title: str,
    subtitle: str,
    notes: Sequence[str],
) -> None:
    """Write the words around the panels: title, what ``time`` is, and the names of the coloured lines."""
    from matplotlib.lines import Line2D

    width = figure.get_size_inches()[0]
    named = [course.label for course in courses if not chosen[course.label].faint] if len(courses) > 1 else []
    handles = [
        Line2D([], [], color=chosen[label].colour, ls=chosen[label].style, lw=1.6, label=shortened(label))
        for label in named
    ]
    if named and len(named) < len(courses):
        handles.append(Line2D([], [], color=FAINT, lw=0.8, label="others"))
    columns = max(1, int(width / 1.25))
    lines = -(-len(handles) // columns)
    seeds = courses[0].seeds if len(courses) == 1 else "means over seeds"
    free = 0.24 + 0.2 * lines
    end = captioned(
        figure, title, f"{subtitle}, {seeds}", [*notes, *shown_in_grey(courses, chosen)], reserve=free
    )
    height = figure.get_size_inches()[1]  # the words made it grow
    figure.text(0.5, (end + 0.2 * lines + 0.1) / height, time, ha="center", va="bottom")
    if handles:
        figure.legend(
            handles=handles,
            loc="lower center",
            bbox_to_anchor=(0.5, (end - 0.02) / height),
            ncols=min(len(handles), columns),
            frameon=False,
            fontsize=8,
            handlelength=2.2,
            columnspacing=1.3,
            borderpad=0.2,
        )


def shown_in_grey(courses: Sequence[Course], chosen: Mapping[str, Ink]) -> list[str]:
    """A note that names the methods in grey; none where there are none."""
    names = [course.label for course in courses if chosen[course.label].faint]
    if not names:
        return []
    return [f"Grey: {', '.join(names)}. Colours go to the highest Averages; choose with --methods."]
