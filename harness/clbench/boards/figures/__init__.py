"""Figures of records: one module for each kind, made without pyplot and without torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from clbench.boards.figures.cost import draw_costs
from clbench.boards.figures.courses import Subject, subjects_of
from clbench.boards.figures.drawing.files import IMAGE_FORMATS, write
from clbench.boards.figures.drawing.image import Drawing
from clbench.boards.figures.drift import draw_drift
from clbench.boards.figures.matrix import course_of, draw_matrices, matrix_figure
from clbench.boards.figures.ranks import draw_differences, draw_forest, draw_pairs
from clbench.boards.figures.scatter import draw_scatter, scatter_figure
from clbench.boards.figures.tasks import draw_tasks
from clbench.boards.figures.waterfall import draw_waterfall
from clbench.boards.tables.rows import columns_of
from clbench.errors import UnknownNameError
from clbench.results.records import Record

__all__ = ["IMAGE_FORMATS", "KINDS", "Drawing", "Kind", "accuracy_heatmap", "draw", "transfer_last_scatter"]


@dataclass(frozen=True)
class Kind:
    """A kind of figure.

    Attributes:
        title: in few words.
        shows: what it tells, in a sentence.
        draw: makes the figures of a subject that apply, common ones first.
    """

    title: str
    shows: str
    draw: Callable[[Subject], Iterator[Drawing]]


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "scatter": Kind(
            "Transfer against Last",
            "What is left of zero-shot skill against what is left at the end, with lines of equal Average.",
            draw_scatter,
        ),
        "ranks": Kind(
            "Critical-difference diagram",
            "Which methods can be told apart: bars join those that cannot.",
            draw_differences,
        ),
        "pairs": Kind(
            "Every pair of methods",
            "By how many points each method is above each other, and whether that may be chance.",
            draw_pairs,
        ),
        "forest": Kind(
            "Differences to one method",
            "How far every method is from the best, or from one that is chosen, with 95 % intervals.",
            draw_forest,
        ),
        "cost": Kind(
            "Cost against accuracy",
            "What a method's Average costs in seconds, memory and parameters, on one kind of machine.",
            draw_costs,
        ),
        "drift": Kind(
            "Zero-shot drift",
            "Forward forgetting: how accuracy on tasks not learned yet leaves the zero-shot model's.",
            draw_drift,
        ),
        "waterfall": Kind(
            "Forgetting waterfall",
            "Backward forgetting: what each task loses from just learned to the end.",
            draw_waterfall,
        ),
        "tasks": Kind(
            "Accuracy over time",
            "The accuracy on each task after each task, with the moment it was learned.",
            draw_tasks,
        ),
        "matrix": Kind(
            "Accuracy matrix",
            "The accuracy on each task (columns) after each task (rows).",
            draw_matrices,
        ),
    }
)
"""All kinds by name, in the order of a report."""


def draw(
    records: Iterable[Record],
    kinds: Sequence[str] = tuple(KINDS),
    *,
    metric: str = "average",
    against: str = "",
) -> Iterator[Drawing]:
    """Draw the figures of ``kinds`` that apply, one after another.

    Records of different protocols are never in one figure; seeds are averaged.

    Args:
        records: any mixture.
        kinds: names of :data:`KINDS`.
        metric: that figures of ranks and differences are of.
        against: the row that differences are to.  Default: the best.

    Raises:
        UnknownNameError: no such kind or metric, before anything is drawn; or no such row.
    """
    columns_of((metric,))
    for name in kinds:
        if name not in KINDS:
            raise UnknownNameError("kind of figure", name, KINDS)
    subjects = [replace(each, metric=metric, against=against) for each in subjects_of(records)]
    return (
        replace(drawing, subject=subject.stem)
        for name in kinds
        for subject in subjects
        for drawing in KINDS[name].draw(subject)
    )


def accuracy_heatmap(record: Record, path: Path) -> Path:
    """Draw the accuracy matrix of a run with the zero-shot row above it, and return ``path``.

    Rows = after learning a task, columns = tasks; percent, in the primary label space. The framed diagonal
    parts what counts for Transfer (above it) from what is remembered (below it). Rows that are not recorded
    yet stay empty. The suffix of ``path`` is the format, png or svg.

    Raises:
        ValueError: there is neither a row nor a zero-shot row to draw.
    """
    course = course_of(record)
    return write(matrix_figure(course, subjects_of([record])[0].group.title), path)


def transfer_last_scatter(records: Iterable[Record], path: Path) -> Path:
    """Draw Last against Transfer of comparable records, and return ``path``.

    One point for each row of the leaderboard, with 95 % intervals over seeds, lines of equal Average and the
    zero-shot model; joint training is left out. Records of one protocol only: from a mixture the group with
    most records is drawn, and the title says which. The suffix of ``path`` is the format, png or svg.

    Raises:
        ValueError: no record has a Transfer and a Last.
    """
    subjects = subjects_of(records)
    if not subjects:
        raise ValueError("there are no records to draw")
    return write(scatter_figure(max(subjects, key=lambda subject: len(subject.records))), path)
