"""Cuts a data set into tasks: some classes first, then as many more per task."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from clbench.streams import Task
from clbench_mtil.samples import Collection, Samples, image_set

__all__ = ["cuts", "increments", "task_key", "task_title"]


def cuts(classes: int, base: int, increment: int) -> list[tuple[int, int]]:
    """First and last + 1 of each task's classes, in the order in which they come."""
    return list(pairwise([0, *range(base, classes + 1, increment)]))


def task_key(index: int) -> str:
    """``step-01``, …: the name of a task to type."""
    return f"step-{index + 1:02}"


def task_title(start: int, end: int) -> str:
    return f"classes {start + 1}–{end}"


def increments(
    found: Collection,
    names: Sequence[str],
    order: Sequence[int],
    tasks: Sequence[tuple[int, int]],
    template: str,
    called: str,
) -> tuple[Task, ...]:
    """The tasks of a class-incremental stream.

    Args:
        found: the data set.
        names: class names by label.
        order: labels in the order in which they come.
        tasks: see :func:`cuts`.
        template: of all prompts.
        called: the data set, for messages.
    """
    of_label = {part: _by_label(samples, len(names)) for part, samples in found.parts.items()}
    made = []
    for index, (start, end) in enumerate(tasks):
        chosen, key = order[start:end], task_key(index)
        own = tuple(names[label] for label in chosen)
        sets = {
            part: image_set(_part(samples, of_label[part], chosen), own, "RGB", f"{called}/{key}/{part}")
            for part, samples in found.parts.items()
        }
        made.append(Task(key, task_title(start, end), own, (template,), sets["train"], sets["test"]))
    return tuple(made)


def _by_label(samples: Samples, classes: int) -> list[list[int]]:
    rows: list[list[int]] = [[] for _ in range(classes)]
    for row, label in enumerate(samples.labels):
        rows[label].append(row)
    return rows


def _part(samples: Samples, rows: Sequence[Sequence[int]], chosen: Sequence[int]) -> Samples:
    """The samples of the classes ``chosen``, in their own order, labelled by place in ``chosen``."""
    pairs = sorted((row, place) for place, label in enumerate(chosen) for row in rows[label])
    return samples.take([row for row, _ in pairs]).relabelled([place for _, place in pairs])
