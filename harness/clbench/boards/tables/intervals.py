"""What the ± of a table's figures is, in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from clbench.boards.tables.rows import Row
from clbench.results.statistics.chance import ENOUGH
from clbench.results.statistics.intervals import Interval, Source
from clbench.results.statistics.trials import Trial, groups_of

__all__ = ["PLUS_MINUS", "grouped_note", "in_words", "interval_note"]

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


def grouped_note(by_label: Mapping[str, Sequence[Trial]]) -> str:
    """Return how many groups of test images intervals draw, and of which rows they draw images instead; empty
    where no predictions name groups."""
    read = {label: trials for label, trials in by_label.items() if trials and trials[0].right is not None}
    grouped = {label: found for label, trials in read.items() if (found := groups_of(trials))}
    if not grouped:
        return ""
    label, groups = next(iter(grouped.items()))
    trial = read[label][0]
    assert trial.right is not None
    counts = {task: right.shape[1] for task, right in zip(trial.tasks, trial.right, strict=True)}
    draws = sum(int(groups[task].max()) + 1 if task in groups else count for task, count in counts.items())
    said = (
        f"test images that are alike, as the stream names them, are drawn together: {draws:,} draws of "
        f"{sum(counts.values()):,} images"
    )
    alone = [label for label in read if label not in grouped]
    return f"{said}; one by one, recorded before it named them: {', '.join(alone)}" if alone else said


def alike_note(rows: Sequence[Row]) -> str:
    """Return which rows' seeds gave equal results to the last bit; empty where there is none."""
    names = [row.method for row in rows if row.deterministic]
    return f"deterministic, seeds give equal results to the last bit: {', '.join(names)}" if names else ""


def spread_of(interval: Interval) -> str:
    """Return what the interval of one figure is over, in words; empty without one."""
    return "" if interval.half_width is None else in_words(interval.covers)
