"""Cuts a data set into tasks: some classes first, then as many more per task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from clbench.streams import Task

from clbench_mtil.samples import Samples, image_set
from clbench_mtil.steps import step_key, step_title

__all__ = ["increments"]


def increments(
    parts: Mapping[str, Samples],
    names: Sequence[str],
    order: Sequence[int],
    tasks: Sequence[tuple[int, int]],
    template: str,
    called: str,
) -> tuple[Task, ...]:
    """The tasks of a class-incremental stream.

    Args:
        parts: the data set's samples by split.
        names: class names by label.
        order: labels in the order in which they come.
        tasks: see :func:`clbench_mtil.steps.cuts`.
        template: of all prompts.
        called: the data set, for messages.
    """
    of_label = {part: _by_label(samples, len(names)) for part, samples in parts.items()}
    made = []
    for index, (start, end) in enumerate(tasks):
        chosen, key = order[start:end], step_key(index)
        own = tuple(names[label] for label in chosen)
        sets = {
            part: image_set(_part(samples, of_label[part], chosen), own, "RGB", f"{called}/{key}/{part}")
            for part, samples in parts.items()
        }
        made.append(Task(key, step_title(start, end), own, (template,), sets["train"], sets["test"]))
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
