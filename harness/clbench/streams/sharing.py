"""Classes that several tasks of a stream have in common, and how all of a stream's classes are numbered."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from clbench.streams.labels import LabelSpace

if TYPE_CHECKING:
    from clbench.streams.tasks import Task

__all__ = ["join", "numbers_seen_from", "shared_classes"]


def shared_classes(tasks: Sequence[Task]) -> dict[str, tuple[str, ...]]:
    """Names that several of ``tasks`` have, each with the templates of all of these.

    Lists of templates are put one behind the other, in the order of ``tasks``; equal lists count once.
    It is what :class:`clbench.streams.Stream` takes as ``shared`` where namesakes are one class.
    """
    lists: dict[str, list[tuple[str, ...]]] = {}
    for task in tasks:
        for name in dict.fromkeys(task.classes):
            lists.setdefault(name, []).append(task.templates)
    return {
        name: tuple(template for templates in dict.fromkeys(found) for template in templates)
        for name, found in lists.items()
        if len(found) > 1
    }


def join(
    tasks: Sequence[Task], shared: Mapping[str, tuple[str, ...]]
) -> tuple[LabelSpace, tuple[np.ndarray, ...]]:
    """All classes of ``tasks`` as one label space, and for each task the columns of its classes there.

    Args:
        tasks: in stream order, as the columns are.
        shared: classes with one column for all tasks that have them, and that column's templates.
    """
    classes: list[str] = []
    templates: list[tuple[str, ...]] = []
    known: dict[str, int] = {}
    columns = []
    for task in tasks:
        own = []
        for name in task.classes:
            column = known.get(name, len(classes))
            if column == len(classes):
                classes.append(name)
                templates.append(shared.get(name, task.templates))
            if name in shared:
                known[name] = column
            own.append(column)
        columns.append(np.array(own, dtype=np.int64))
    return LabelSpace(tuple(classes), tuple(templates), shared=frozenset(shared)), tuple(columns)


def numbers_seen_from(
    classes: Sequence[Sequence[str]], shared: Mapping[str, tuple[str, ...]]
) -> tuple[np.ndarray, ...]:
    """For each task, an array that gives every number the one which the same class has there.

    Classes are numbered one task after another, so that a shared class has a number for each task that
    has it. Seen from such a task it goes by that task's number, seen from another by its first.

    Args:
        classes: class names by task.
        shared: see :func:`join`.
    """
    names = list(itertools.chain.from_iterable(classes))
    places: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        if name in shared:
            places.setdefault(name, []).append(number)
    offsets = [0, *itertools.accumulate(map(len, classes))]
    found = []
    for start, end in itertools.pairwise(offsets):
        numbers = np.arange(len(names))
        for same in places.values():
            numbers[same] = next((n for n in same if start <= n < end), same[0])
        found.append(numbers)
    return tuple(found)
