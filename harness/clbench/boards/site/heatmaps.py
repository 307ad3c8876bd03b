"""Accuracy matrices as tables whose cells say where they stand: before, at and after the task was learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from clbench.boards.formats.cells import NONE

__all__ = ["HeatCell", "HeatRow", "HeatTable", "heat_table"]

Numbers = Sequence[float | None]
Place = Literal["zero", "before", "now", "after"]


@dataclass(frozen=True)
class HeatCell:
    """An accuracy in percent; ``place``: zero-shot, before, when or after the column's task was learned."""

    value: float | None
    place: Place

    @property
    def text(self) -> str:
        """One decimal, as the field prints matrices."""
        return NONE if self.value is None else f"{self.value:.1f}"

    @property
    def level(self) -> int | None:
        """Whole percent, for the colour."""
        return None if self.value is None else round(self.value)


@dataclass(frozen=True)
class HeatRow:
    """A line of the matrix with its label."""

    label: str
    cells: tuple[HeatCell, ...]


@dataclass(frozen=True)
class HeatTable:
    """A matrix with its zero-shot row on top, where there is one.

    Attributes:
        key: names it on its page.
        title: what it is.
        columns: the tasks' titles.
        rows: zero-shot first, then one for each task learned.
    """

    key: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[HeatRow, ...]


def heat_table(
    key: str,
    title: str,
    tasks: Sequence[str],
    matrix: Sequence[Numbers],
    zero_shot: Numbers = (),
) -> HeatTable:
    """Return a matrix in percent as a heat table; ``matrix`` may have fewer rows than there are tasks."""
    rows = []
    if len(zero_shot):
        rows.append(HeatRow("zero-shot", tuple(HeatCell(x, "zero") for x in zero_shot)))
    for i, (task, values) in enumerate(zip(tasks, matrix, strict=False)):
        cells = tuple(HeatCell(value, _place(i, j)) for j, value in enumerate(values))
        rows.append(HeatRow(f"after {task}", cells))
    return HeatTable(key, title, tuple(tasks), tuple(rows))


def _place(i: int, j: int) -> Place:
    return "now" if i == j else "before" if i < j else "after"
