"""Names beside points: near enough to belong, far enough apart to be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

__all__ = ["place_labels"]

_ITERATIONS = 300  # a number, not a time limit: a busy machine must draw the same figure


def place_labels(ax: Axes, points: Sequence[tuple[float, float]], names: Sequence[str]) -> list[Text]:
    """Write each name beside its point and move names apart; a thin line leads from one that moved.

    Call it when the axes have their final limits and size.
    """
    from adjustText import adjust_text

    from clbench.boards.figures.style import FAINT, INK

    texts = [
        ax.text(x, y, name, fontsize=7.5, color=INK, ha="left", va="bottom", zorder=5)
        for (x, y), name in zip(points, names, strict=True)
    ]
    if not texts:
        return texts
    adjust_text(
        texts,
        x=[x for x, _ in points],
        y=[y for _, y in points],
        ax=ax,
        iter_lim=_ITERATIONS,
        expand=(1.15, 1.35),
        force_text=(0.15, 0.3),
        force_static=(0.15, 0.3),
        min_arrow_len=6,
        arrowprops={"arrowstyle": "-", "color": FAINT, "lw": 0.6, "shrinkA": 0, "shrinkB": 3},
    )
    return texts
