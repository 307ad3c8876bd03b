"""What the ± of a table's figures is, in one line."""

from __future__ import annotations

from collections.abc import Sequence

from clbench.boards.tables.rows import Row
from clbench.results.statistics.chance import ENOUGH
from clbench.results.statistics.intervals import Interval, Source

__all__ = ["PLUS_MINUS", "in_words", "interval_note"]

PLUS_MINUS = "±: "
"""How the line begins."""

_WORDS = {
    ("images", "seeds", "orders"): "test images, seeds and orders",
    ("images", "seeds"): "test images and training seeds",
    ("images",): "test images alone",
    ("seeds", "orders"): "seeds and orders alone, for want of predictions",
    ("seeds",): "training seeds alone, for want of predictions",
}


def in_words(covers: Sequence[Source]) -> str:
    """Return what an interval is over, in words."""
    return _WORDS[tuple(covers)]


def interval_note(rows: Sequence[Row]) -> str:
    """Return what the intervals of ``rows`` are over, the most frequent first; empty where there are none."""
    by_words: dict[str, list[str]] = {}
    for row in rows:
        if row.status != "finished":
            continue
        over = {x.covers for x in row.values.values() if x.half_width is not None}
        for covers in over:
            by_words.setdefault(_said(row, covers), []).append(row.method)
    if not by_words:
        return ""
    ((usual, _), *others) = sorted(by_words.items(), key=lambda item: -len(item[1]))
    parts = [f"95 % interval over {usual}", *(f"{words}: {', '.join(names)}" for words, names in others)]
    return PLUS_MINUS + "; ".join(parts)


def _said(row: Row, covers: tuple[Source, ...]) -> str:
    words = in_words(covers)
    if covers == ("images",) and row.protocol == "zero_shot":
        return "test images alone, for there is no training"
    if covers != ("images",) or row.seeds is None:
        return words
    few = "one seed says" if row.seeds == 1 else "two seeds say"
    return f"{words}, {few} nothing of training" if row.seeds < ENOUGH else words


def alike_note(rows: Sequence[Row]) -> str:
    """Return which rows' seeds gave equal results to the last bit; empty where there is none."""
    names = [row.method for row in rows if row.deterministic]
    return f"deterministic, seeds give equal results to the last bit: {', '.join(names)}" if names else ""


def spread_of(interval: Interval) -> str:
    """Return what the interval of one figure is over, in words; empty without one."""
    return "" if interval.half_width is None else in_words(interval.covers)
