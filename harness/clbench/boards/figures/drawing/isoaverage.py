"""Lines of equal Average in a plane of Transfer and Last, and how far they are from the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clbench.boards.tables.rows import Row

__all__ = ["IsoAverage"]


@dataclass(frozen=True)
class IsoAverage:
    """What Average would follow from Transfer and Last alone, which it does not in truth.

    A run whose tasks each keep one accuracy until they are learned and one from then on has, if these are
    equal for all T tasks, Average = (T - 1)/(2T) · Transfer + (T + 1)/(2T) · Last: the shares of the matrix
    above the diagonal, and on and below it. Tasks are not equally hard, so the zero-shot model, which keeps
    every accuracy, is off by what the order of the tasks makes of that. ``shift`` is its distance, and is
    taken off for all.

    Attributes:
        transfer, last: weights; their sum is 1.
        shift: in points.
        residuals: Average as measured minus that of the lines, by row.
    """

    transfer: float
    last: float
    shift: float
    residuals: dict[str, float]

    @classmethod
    def of(cls, rows: Sequence[Row], tasks: int, label_space: str) -> IsoAverage:
        """The relation for streams of so many tasks, through the zero-shot row if there is one."""
        w_transfer, w_last = (tasks - 1) / (2 * tasks), (tasks + 1) / (2 * tasks)
        off = {
            row.method: row.values["average"].mean
            - w_transfer * row.values["transfer"].mean
            - w_last * row.values["last"].mean
            for row in rows
            if "average" in row.values
        }
        # Among the classes seen so far the zero-shot model does not keep its accuracies.
        anchors = [off[r.method] for r in rows if r.protocol == "zero_shot" and r.method in off]
        shift = anchors[0] if anchors and label_space != "seen" else 0.0
        return cls(w_transfer, w_last, shift, {name: value - shift for name, value in off.items()})

    def last_at(self, average: float, transfer: float) -> float:
        """Where the line of ``average`` is at ``transfer``."""
        return (average - self.shift - self.transfer * transfer) / self.last
