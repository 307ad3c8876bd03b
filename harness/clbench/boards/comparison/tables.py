"""A comparison of two methods as tables and as a data frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isnan
from types import MappingProxyType
from typing import TYPE_CHECKING

from clbench.boards.comparison.comparing import Comparison
from clbench.boards.comparison.words import comparison_words, place_of
from clbench.boards.formats.cells import NONE, Cell, Grid
from clbench.boards.formats.latex import grids_as_latex
from clbench.boards.formats.wording import MINUS, percent, signed
from clbench.boards.formats.writing import frame_as_csv, frame_as_json, grids_as_markdown, grids_as_text
from clbench.errors import UnknownNameError
from clbench.results.statistics.paired import PairedDifference

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FORMATS", "comparison_frame", "comparison_grids", "flat_difference", "render_comparisons"]


_ROOM = 40


def render_comparisons(comparisons: Sequence[Comparison], format: str, notes: Sequence[str] = ()) -> str:
    """Return ``comparisons`` in one of :data:`FORMATS`, without a line end after the last line.

    Raises:
        UnknownNameError: no such format.
    """
    if format not in FORMATS:
        raise UnknownNameError("format", format, FORMATS)
    return FORMATS[format](comparisons, notes).rstrip("\n")


def comparison_grids(comparison: Comparison) -> list[Grid]:
    """Return a table for each metric: a row for each task that the metric has, and its mean."""
    a, b = comparison.a, comparison.b
    # Long names, such as those with settings, stand once above the table and not three times in its head.
    short = len(a) + len(b) <= _ROOM
    first, second = (a, b) if short else ("A", "B")
    difference = f"{first} {MINUS} {second}"
    headers = ("Task" if comparison.tasks else "", first, second, difference, "95 % interval", "separable")
    align = ("left", "right", "right", "right", "right", "left")
    grids = []
    for metric, mean in comparison.means.items():
        columns = comparison.columns.get(metric, ())
        rows = [
            _cells(task.title, found)
            for task, found in zip(comparison.tasks, columns, strict=True)
            if not isnan(found.difference)  # as Transfer of the first task
        ]
        rows.append(_cells("mean", mean, total=bool(columns)))
        sections = ((0, ""), (len(rows) - 1, "")) if columns else ()
        caption = f"{metric.capitalize()}, {place_of(comparison)}" + ("" if short else f"; A: {a}; B: {b}")
        label = "-".join(["compare", a, b, metric, *comparison.orders])
        grids.append(Grid(caption, headers, align, tuple(rows), (), sections, label=label))
    return grids


def _cells(name: str, found: PairedDifference, *, total: bool = False) -> tuple[Cell, ...]:
    bounds = NONE if found.bounds is None else f"{signed(found.bounds[0])} to {signed(found.bounds[1])}"
    verdict = NONE if found.bounds is None else "yes" if found.separable else "no"
    if isnan(found.difference):
        return (Cell(name, total=total), *(Cell(NONE) for _ in range(5)))
    texts = (name, percent(found.a), percent(found.b), signed(found.difference), bounds, verdict)
    return tuple(Cell(text, total=total) for text in texts)


def comparison_frame(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """Return one row for each metric and task, and one for its mean (``task`` missing); points, unrounded.

    Columns: a, b (the methods), stream, order (several: joined by ``+``), backbone, label_space, fingerprint,
    metric, task, a_value, b_value, difference, low, high, separable, covers (joined by ``+``), p, images_low,
    images_high, training_low, training_high, pairs.
    """
    import pandas as pd

    rows = []
    for each in comparisons:
        place = {"a": each.a, "b": each.b, "stream": each.group.stream, "order": "+".join(each.orders)}
        place |= {name: getattr(each.group, name) for name in ("backbone", "label_space", "fingerprint")}
        for metric, mean in each.means.items():
            columns = zip(each.tasks, each.columns.get(metric, ()), strict=True)
            for task, found in (*((task.key, found) for task, found in columns), (None, mean)):
                rows.append({**place, "metric": metric, "task": task, **flat_difference(found)})
    return pd.DataFrame(rows)


def flat_difference(found: PairedDifference) -> dict[str, object]:
    """Return a difference as columns of a data frame."""

    def ends(name: str, bounds: tuple[float, float] | None) -> dict[str, object]:
        low, high = bounds or (None, None)
        return {f"{name}low": low, f"{name}high": high}

    known = found.bounds is not None
    return {
        "a_value": found.a,
        "b_value": found.b,
        "difference": found.difference,
        **ends("", found.bounds),
        "separable": found.separable if known else None,
        "covers": "+".join(found.covers) or None,
        "p": found.p,
        **ends("images_", found.images),
        **ends("training_", found.training),
        "pairs": found.pairs,
    }


def _grids(comparisons: Sequence[Comparison]) -> list[Grid]:
    return [grid for comparison in comparisons for grid in comparison_grids(comparison)]


def _said(comparisons: Sequence[Comparison], notes: Sequence[str]) -> list[str]:
    return [*notes, *(line for comparison in comparisons for line in comparison_words(comparison))]


def _text(comparisons: Sequence[Comparison], notes: Sequence[str]) -> str:
    blocks = [grids_as_text(_grids(comparisons), notes)]
    for comparison in comparisons:
        first, *rest = comparison_words(comparison)
        blocks.append("\n".join([first, *(f"  {line}" for line in rest)]))
    return "\n\n".join(blocks)


FORMATS: Mapping[str, Callable[[Sequence[Comparison], Sequence[str]], str]] = MappingProxyType(
    {
        "text": _text,
        "md": lambda comparisons, notes: grids_as_markdown(_grids(comparisons), _said(comparisons, notes)),
        "latex": lambda comparisons, notes: grids_as_latex(_grids(comparisons), _said(comparisons, notes)),
        "csv": lambda comparisons, _: frame_as_csv(comparison_frame(comparisons)),
        "json": lambda comparisons, _: frame_as_json(comparison_frame(comparisons)),
    }
)
"""How a comparison may be written; ``csv`` and ``json`` are for programs."""
