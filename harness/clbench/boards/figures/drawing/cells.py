"""Tables whose cells are coloured by their values, which are written into them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from clbench.boards.figures.drawing.style import INK, blank, captioned
from clbench.boards.formats.wording import shortened, signed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["CELL", "TINY", "accuracy_cells", "change_cells", "changes_figure", "room"]

CELL = 0.5  # inches
TINY = 25  # columns from which on values are not written any more

# Cells have their own ink: it stands on the cell's colour, not on the page's.
_DARK, _LIGHT = "#000000", "#ffffff"


def accuracy_cells(ax: Axes, values: npt.NDArray[np.float64]) -> None:
    """Colour (rows, columns) of accuracies in percent, from dark (0) to light (100)."""
    _cells(ax, values, "viridis", 0.0, 100.0)
    size = 7.5 if max(values.shape) <= 14 else 6
    for (i, j), value in np.ndenumerate(values):
        if not np.isnan(value) and values.shape[1] < TINY:
            colour = _DARK if value > 55 else _LIGHT  # viridis is light in its upper half
            ax.text(j, i, f"{value:.1f}", ha="center", va="center", fontsize=size, color=colour)


def change_cells(ax: Axes, values: npt.NDArray[np.float64], limit: float) -> None:
    """Colour (rows, columns) of differences in points: red below zero, white at it, blue above."""
    _cells(ax, values, "RdBu", -limit, limit)
    for (i, j), value in np.ndenumerate(values):
        if not np.isnan(value) and values.shape[1] < TINY:
            colour = _LIGHT if abs(value) > 0.62 * limit else _DARK
            ax.text(j, i, signed(value, 1), ha="center", va="center", fontsize=7, color=colour)


def changes_figure(
    values: npt.NDArray[np.float64],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    title: str,
    subtitle: str,
    notes: Sequence[str],
) -> Figure:
    """Draw differences in points: a row for each method, a column for each task, and their mean.

    ``values``: shape (rows, columns); a column of NaN has nothing to show and is empty.
    """
    mean = np.array([np.nanmean(row) if not np.isnan(row).all() else np.nan for row in values])
    count, width = values.shape
    step = CELL if width < TINY else 0.22
    rows, columns = [shortened(row) for row in rows], [shortened(column) for column in columns]
    margin = max(room(rows), 0.82 * room(columns) - step)
    figure = blank(max(step * (width + 1.4) + margin, 5.0), 0.25 * count + 0.6 * room(columns))
    left, right = figure.subplots(1, 2, sharey=True, gridspec_kw={"width_ratios": (width, 1.15)})
    # The strongest cell is not the limit: one outlier would make all others white.
    limit = float(np.clip(np.nanquantile(np.abs(values), 0.97), 1.0, None))
    change_cells(left, values, limit)
    change_cells(right, mean[:, None], limit)
    left.set_yticks(range(count), rows)
    left.set_xticks(
        range(width),
        columns,
        rotation=35,
        ha="right",
        rotation_mode="anchor",
    )
    right.set_xticks([0], ["mean"], rotation=35, ha="right", rotation_mode="anchor")
    right.tick_params(labelleft=False)
    for ax in (left, right):
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
    right.set_xticklabels(["mean"], weight="bold", color=INK)
    captioned(figure, title, subtitle, notes)
    return figure


def room(labels: Sequence[str]) -> float:
    """Inches that the longest of the labels takes."""
    return 0.2 + 0.069 * max(map(len, labels), default=0)


def _cells(ax: Axes, values: npt.NDArray[np.float64], map_: str, low: float, high: float) -> None:
    # Quadrilaterals, not a picture: they stay sharp at any size.
    rows, columns = values.shape
    ax.pcolormesh(
        np.arange(columns + 1) - 0.5,
        np.arange(rows + 1) - 0.5,
        np.ma.masked_invalid(values),
        cmap=map_,
        vmin=low,
        vmax=high,
        edgecolors="face",
        linewidth=0.3,
    )
    ax.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))
