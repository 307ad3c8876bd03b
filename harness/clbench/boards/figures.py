"""Figures of records, as PNG: the accuracy matrix of a run, and Transfer against Last of many."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clbench.boards.board import Group, board_of
from clbench.boards.rows import Row
from clbench.results.records import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["accuracy_heatmap", "transfer_last_scatter"]

_GREY = "#555555"
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f4f24", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")


def accuracy_heatmap(record: Record, path: Path) -> Path:
    """Draw the accuracy matrix of a run with the zero-shot row above it, and return ``path``.

    Rows = after learning a task, columns = tasks; percent, in the primary label space. The framed diagonal
    parts what counts for Transfer (above it) from what is remembered (below it). Rows that are not recorded
    yet stay empty.

    Raises:
        ValueError: there is neither a row nor a zero-shot row to draw.
    """
    tasks = record.stream.tasks
    count = len(tasks)
    matrix = np.full((count, count), np.nan)
    for i, row in enumerate(record.matrix):
        matrix[i] = [np.nan if x is None else x for x in row]
    zero_shot = np.full((1, count), np.nan)
    if record.zero_shot.get(record.label_space):
        zero_shot[0] = [np.nan if x is None else x for x in record.zero_shot[record.label_space]]
    if np.isnan(matrix).all() and np.isnan(zero_shot).all():
        raise ValueError("this record has no accuracies to draw")

    side = 0.62 * count
    figure = _figure(side + 3.0, side + 2.6)
    axes = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (1, count)})
    titles = [task.title for task in tasks]
    image = None
    for ax, values, labels in (
        (axes[0], zero_shot, ["zero-shot"]),
        (axes[1], matrix, [f"after {title}" for title in titles]),
    ):
        image = ax.imshow(values, cmap="viridis", vmin=0, vmax=100, aspect="auto")
        _write_values(ax, values)
        ax.set_yticks(range(len(labels)), labels)
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
    axes[0].tick_params(bottom=False, labelbottom=False)
    axes[1].set_xticks(range(count), titles, rotation=35, ha="right", rotation_mode="anchor")
    for i in range(count):
        axes[1].add_patch(_frame(i))
    axes[0].set_title(_heatmap_title(record), loc="left", fontsize=9, pad=10)
    assert image is not None
    bar = figure.colorbar(image, ax=list(axes), fraction=0.046, pad=0.03)
    bar.set_label("accuracy on the task in % (top-1)")
    bar.outline.set_visible(False)
    return _save(figure, path)


def transfer_last_scatter(records: Iterable[Record], path: Path) -> Path:
    """Draw Last against Transfer of comparable records, and return ``path``.

    One point for each row of the leaderboard, with 95 % intervals over seeds; dashed lines mark the
    zero-shot model, and the legend tells each row's Average. Joint training is left out.
    Records of one protocol only: from a mixture the group with most records is drawn, and the title says
    which.

    Raises:
        ValueError: no record has a Transfer and a Last.
    """
    groups: dict[Group, list[Record]] = {}
    for record in records:
        groups.setdefault(Group.of(record), []).append(record)
    if not groups:
        raise ValueError("there are no records to draw")
    group = max(groups, key=lambda g: len(groups[g]))
    table = board_of(groups[group]).tables[0]
    # Joint training has no tasks not learned yet: its Transfer would only stretch the axis.
    rows = [r for r in table.rows if {"transfer", "last"} <= set(r.values) and r.protocol != "joint"]
    if not rows:
        raise ValueError("no record has a Transfer and a Last to draw")

    figure = _figure(6.4, 4.8)
    ax = figure.subplots()
    ranked = [r for r in rows if r.kind == "ranked"]
    for number, row in enumerate(ranked):
        # Where the colours begin again, the markers do so one further on: no two rows look alike.
        turn, colour = divmod(number, len(_COLOURS))
        _point(ax, row, _COLOURS[colour], _MARKERS[(number + turn) % len(_MARKERS)])
    for row in rows:
        if row.kind == "reference":
            _point(ax, row, _GREY, "*" if _is_zero_shot(row) else "x")
        if _is_zero_shot(row):
            ax.axvline(row.values["transfer"].mean, color=_GREY, lw=0.8, ls=(0, (4, 4)), zorder=0)
            ax.axhline(row.values["last"].mean, color=_GREY, lw=0.8, ls=(0, (4, 4)), zorder=0)
    ax.set_xlabel("Transfer in %  (tasks not learned yet)")
    ax.set_ylabel("Last in %  (all tasks, after the last one)")
    ax.set_title(group.title, loc="left", fontsize=10)
    ax.margins(0.14)
    ax.grid(color="#eeeeee")
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(
        frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5), title="method (Average)"
    )
    return _save(figure, path)


def _figure(width: float, height: float) -> Figure:
    # Figures are made without pyplot: no window system is touched and no global state is left behind.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _frame(i: int) -> object:
    from matplotlib.patches import Rectangle

    return Rectangle((i - 0.5, i - 0.5), 1, 1, fill=False, ec="white", lw=2, zorder=3)


def _write_values(ax: Axes, values: np.ndarray) -> None:
    for (i, j), value in np.ndenumerate(values):
        if not np.isnan(value):
            colour = "black" if value > 55 else "white"  # viridis is light in its upper half
            ax.text(j, i, f"{value:.1f}", ha="center", va="center", fontsize=8, color=colour)


def _heatmap_title(record: Record) -> str:
    name = record.method.title or record.method.name
    lines = [f"{name}, seed {record.seed}", Group.of(record).title]
    m = record.metrics
    if m is not None:
        figures = (("Transfer", m.transfer), ("Average", m.average), ("Last", m.last))
        lines.append("   ".join(f"{title} {value:.2f}" for title, value in figures if value is not None))
    return "\n".join(lines)


def _is_zero_shot(row: Row) -> bool:
    return row.protocol == "zero_shot"


def _point(ax: Axes, row: Row, colour: str, marker: str) -> None:
    x, y = row.values["transfer"], row.values["last"]
    mean = row.values.get("average")
    ax.errorbar(
        x.mean,
        y.mean,
        xerr=x.half_width,
        yerr=y.half_width,
        fmt=marker,
        color=colour,
        ms=11 if marker == "*" else 8,
        capsize=3,
        lw=1,
        mec="white" if marker != "x" else colour,
        mew=0.6 if marker != "x" else 1.5,
        label=row.method if mean is None else f"{row.method} ({mean.mean:.2f})",
    )


def _save(figure: Figure, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=160, format="png")
    return path
