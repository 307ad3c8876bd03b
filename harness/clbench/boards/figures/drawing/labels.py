"""Names beside points: near enough to belong, far enough apart to be read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from clbench.boards.figures.drawing.style import FAINT, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

__all__ = ["place_labels"]

FloatArray = npt.NDArray[np.float64]

_SIZE = 7.5  # points
_MARKER = 4.5  # points, half the side of what a marker hides
_RADII = (6.0, 11.0, 17.0, 24.0, 33.0, 44.0, 58.0)  # points between a marker's middle and its name
_ANGLES = np.radians([0, 45, -45, 90, -90, 180, 135, -135, 22, -22, 67, -67, 158, -158, 112, -112])
_SWEEPS = 8

# What a name must not do, weighed per square pixel or per pixel; lines are crossed rather than markers.
_OTHER_NAME, _OTHER_MARKER, _LINE, _LEADER_CROSSES = 6.0, 8.0, 0.9, 160.0


def place_labels(
    ax: Axes,
    points: Sequence[tuple[float, float]],
    names: Sequence[str],
    *,
    lines: Iterable[tuple[tuple[float, float], tuple[float, float]]] = (),
    texts: Iterable[Text] = (),
) -> list[Text]:
    """Write each name beside its point where it hides least; a thin line leads from one that lies far off.

    The same input gives the same places. Call it when the axes have their final limits and size.

    Args:
        ax: with its final limits and place.
        points: in data coordinates.
        names: one for each point.
        lines: level or upright segments to keep clear of where that is possible, such as error bars.
        texts: words already there, which are kept clear of.
    """
    if not points:
        return []
    scale = ax.figure.dpi / 72
    at = ax.transData.transform(np.asarray(points, dtype=float))
    sizes = np.array([_extent(ax, name) for name in names])
    boxes = _candidates(at, sizes, scale)  # (points, candidates, 4)
    cost = _standing_costs(ax, at, boxes, scale, lines, texts)
    chosen = cost.argmin(axis=1)
    middles = (boxes[..., :2] + boxes[..., 2:]) / 2
    for _ in range(_SWEEPS):
        before = chosen.copy()
        for i in range(len(at)):
            others = [k for k in range(len(at)) if k != i]
            taken = boxes[others, chosen[others]]
            hidden = _overlap(boxes[i][:, None], taken[None]).sum(axis=1) * _OTHER_NAME
            crossed = sum(_cross(at[i], middles[i], at[k], middles[k, chosen[k]]) for k in others)
            chosen[i] = int((cost[i] + hidden + crossed * _LEADER_CROSSES).argmin())
        if (chosen == before).all():
            break
    return [
        _write(ax, name, point, at[i], boxes[i, chosen[i]], scale)
        for i, (name, point) in enumerate(zip(names, points, strict=True))
    ]


def _extent(ax: Axes, name: str) -> tuple[float, float]:
    """Width and height in pixels."""
    text = ax.text(0, 0, name, fontsize=_SIZE)
    box = text.get_window_extent()
    text.remove()
    return box.width + 2, box.height


def _candidates(at: FloatArray, sizes: FloatArray, scale: float) -> FloatArray:
    """Boxes (x0, y0, x1, y1) in pixels around each point, nearest first: (points, candidates, 4)."""
    boxes = []
    for (x, y), (width, height) in zip(at, sizes, strict=True):
        around = []
        for radius, angle in product(np.array(_RADII) * scale, _ANGLES):
            dx, dy = np.cos(angle), np.sin(angle)
            # The side of the box that faces the point lies on the circle.
            left = x + radius * dx - width * (1 - dx) / 2
            low = y + radius * dy - height * (1 - dy) / 2
            around.append((left, low, left + width, low + height))
        boxes.append(around)
    return np.array(boxes)


def _standing_costs(
    ax: Axes,
    at: FloatArray,
    boxes: FloatArray,
    scale: float,
    lines: Iterable[tuple[tuple[float, float], tuple[float, float]]],
    texts: Iterable[Text],
) -> FloatArray:
    """What each candidate costs whatever the other names do: (points, candidates)."""
    reach = np.repeat(np.array(_RADII), len(_ANGLES)) * scale
    turn = np.tile(np.arange(len(_ANGLES)), len(_RADII))
    cost = np.broadcast_to(reach * 1.3 + turn * 0.6 * scale, boxes.shape[:2]).copy()
    half = _MARKER * scale
    markers = np.concatenate([at - half, at + half], axis=1)
    cost += _overlap(boxes[:, :, None], markers).sum(axis=2) * _OTHER_MARKER
    segments = [ax.transData.transform(np.asarray(ends, dtype=float)) for ends in lines]
    for a, b in segments:
        low, high = np.minimum(a, b) - 0.7 * scale, np.maximum(a, b) + 0.7 * scale
        cost += _overlap(boxes, np.concatenate([low, high])) * _LINE
    for text in texts:
        cost += _overlap(boxes, np.array(text.get_window_extent().extents)) * _OTHER_NAME
    inside = ax.get_window_extent()
    outside = (
        np.clip(inside.x0 - boxes[..., 0], 0, None)
        + np.clip(boxes[..., 2] - inside.x1, 0, None)
        + np.clip(inside.y0 - boxes[..., 1], 0, None)
        + np.clip(boxes[..., 3] - inside.y1, 0, None)
    )
    return np.asarray(cost + 100.0 * outside)


def _overlap(a: FloatArray, b: FloatArray) -> FloatArray:
    """Area that boxes share, in square pixels; shapes (…, 4) are broadcast."""
    width = np.minimum(a[..., 2], b[..., 2]) - np.maximum(a[..., 0], b[..., 0])
    height = np.minimum(a[..., 3], b[..., 3]) - np.maximum(a[..., 1], b[..., 1])
    return np.asarray(np.clip(width, 0, None) * np.clip(height, 0, None))


def _cross(p: FloatArray, ends: FloatArray, q: FloatArray, end: FloatArray) -> FloatArray:
    """Whether the segments from ``p`` to each of ``ends`` cross the one from ``q`` to ``end``."""

    def side(a: FloatArray, b: FloatArray, c: FloatArray) -> FloatArray:
        turn = (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (
            c[..., 0] - a[..., 0]
        )
        return np.asarray(np.sign(turn))

    apart = side(p, ends, q) * side(p, ends, end) < 0
    return np.asarray(apart & (side(q, end, p) * side(q, end, ends) < 0))


def _write(
    ax: Axes, name: str, point: tuple[float, float], at: FloatArray, box: FloatArray, scale: float
) -> Text:
    nearest = np.clip(at, box[:2], box[2:])
    middle = (box[:2] + box[2:]) / 2
    # Words are a little wider or narrower at other resolutions: fixed is the end that faces the point.
    leftwards = middle[0] < at[0] - 1
    far = float(np.hypot(*(nearest - at))) > 9.5 * scale
    return ax.annotate(
        name,
        point,
        xytext=(((box[2] - 1 if leftwards else box[0] + 1) - at[0]) / scale, (middle[1] - at[1]) / scale),
        textcoords="offset points",
        ha="right" if leftwards else "left",
        va="center_baseline",
        size=_SIZE,
        color=INK,
        zorder=5,
        arrowprops={
            "arrowstyle": "-", "color": FAINT, "lw": 0.6, "shrinkA": 0, "shrinkB": 3,
            "relpos": tuple((nearest - box[:2]) / (box[2:] - box[:2])),
        }
        if far
        else None,
    )  # fmt: skip
