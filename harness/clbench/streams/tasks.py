"""Tasks and streams: what is learned, and in which order."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from clbench.errors import DataError, UnknownNameError
from clbench.streams.images import ImageSet
from clbench.streams.labels import LabelSpace
from clbench.streams.sharing import join, numbers_seen_from

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Stream", "Task", "TrainingTask", "order_keys"]


@dataclass(frozen=True)
class TrainingTask:
    """What a method may see of a task: never its test data.

    Attributes:
        index: 0-based position in the stream.
        key, title: the task's name to type and to print.
        labels: its classes and templates.
        train: training images; labels are column indices of ``labels``.
        validation: held-out training images where the protocol has a validation split.
        rate_scale: factor on a method's learning rate that the protocol's authors use for this
            task (5 for Aircraft and MNIST in MTIL: 5e-5 instead of 1e-5), else 1.
    """

    index: int
    key: str
    title: str
    labels: LabelSpace
    train: ImageSet
    validation: ImageSet | None = None
    rate_scale: float = 1.0

    @property
    def classes(self) -> tuple[str, ...]:
        return self.labels.classes

    def detached(self) -> TrainingTask:
        """The same, with nothing in it that refers to images of other sets: fit to be sent elsewhere."""
        validation = self.validation.detached() if self.validation is not None else None
        return replace(self, train=self.train.detached(), validation=validation)


@dataclass(frozen=True)
class Task:
    """One domain with its classes.

    Attributes:
        key, title: the task's name to type and to print.
        classes: class names; the label of an image is an index into them.
        templates: prompt templates with ``{}``; the first is the training prompt.
        train, test, validation: the images of each split.
        rate_scale: see :class:`TrainingTask`.
    """

    key: str
    title: str
    classes: tuple[str, ...]
    templates: tuple[str, ...]
    train: ImageSet
    test: ImageSet
    validation: ImageSet | None = None
    rate_scale: float = 1.0

    def __post_init__(self) -> None:
        if not self.classes or not self.templates:
            raise DataError(f"task {self.key!r} has no classes or no templates")
        for template in self.templates:
            if "{}" not in template:
                raise DataError(
                    f"task {self.key!r} has a template without a place for the class name: {template!r}",
                    fix="write {} where the class name goes",
                )
        for split, images in (("train", self.train), ("test", self.test)):
            images.check_labels(len(self.classes), f"{self.key}/{split}")

    @cached_property
    def labels(self) -> LabelSpace:
        return LabelSpace.of(self.classes, self.templates)

    def for_training(self, index: int) -> TrainingTask:
        """The view of this task that a method is given."""
        return TrainingTask(
            index, self.key, self.title, self.labels, self.train, self.validation, self.rate_scale
        )


@dataclass(frozen=True)
class Stream:
    """Tasks in the order in which they are learned.

    Attributes:
        name: the stream's name.
        tasks: at least two tasks with different keys.
        order: the order's name.
        protocol: name of the protocol family.
        meta: further facts that belong into the fingerprint (shots, split family, …).
        shared: names that are one class in all tasks that have them, each with the templates of its one
            column: all classes of a domain-incremental stream, namesakes in ODCL-CIL. Other namesakes stay
            two classes. A task learns with its own templates; these are for tests. See
            :func:`clbench.streams.shared_classes`.
        origins: where the images of a task are from, in words, such as a repository and its commit. The
            record says so; two streams of the same images from two places are the same.
    """

    name: str
    tasks: tuple[Task, ...]
    order: str = "I"
    protocol: str = ""
    meta: Mapping[str, object] = field(default_factory=dict)
    shared: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        keys = [task.key for task in self.tasks]
        if len(keys) < 2 or len(set(keys)) != len(keys):
            raise DataError(
                f"stream {self.name!r} needs at least two tasks with different keys, it has {keys}"
            )

    def __len__(self) -> int:
        return len(self.tasks)

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(task.key for task in self.tasks)

    def ordered(self, order: str, keys: Sequence[str]) -> Stream:
        """The same tasks in another order.

        Raises:
            DataError: ``keys`` is not a permutation of this stream's task keys.
        """
        if sorted(keys) != sorted(self.keys):
            raise DataError(
                f"order {order!r} does not name each task of stream {self.name!r} once",
                why=f"the stream has {', '.join(self.keys)}; the order has {', '.join(keys)}",
            )
        by_key = {task.key: task for task in self.tasks}
        return replace(self, order=order, tasks=tuple(by_key[key] for key in keys))

    @property
    def union(self) -> LabelSpace:
        """All classes of all tasks, in stream order; a class that tasks share has one column."""
        return self._joined[0]

    @property
    def columns(self) -> tuple[np.ndarray, ...]:
        """For each task the column of each of its classes in :attr:`union`, int64 (classes,)."""
        return self._joined[1]

    @cached_property
    def _joined(self) -> tuple[LabelSpace, tuple[np.ndarray, ...]]:
        return join(self.tasks, self.shared)

    def training_task(self, index: int) -> TrainingTask:
        """The view of a task that a method is given; its labels say which classes are shared."""
        view = self.tasks[index].for_training(index)
        return replace(view, labels=replace(view.labels, shared=frozenset(self.shared)))

    def labels(self, index: int, *, told: bool = False) -> LabelSpace:
        """The classes of a task as they are tested: its columns of :attr:`union`.

        Args:
            index: of the task.
            told: put the task's index into the label space.
        """
        own = self.tasks[index].labels
        templates = tuple(
            self.shared.get(name, ts) for name, ts in zip(own.classes, own.templates, strict=True)
        )
        return LabelSpace(own.classes, templates, index if told else None, frozenset(self.shared))

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """Number at which each task's classes begin, and the total behind them: how answers are recorded.

        All tasks' classes are numbered one task after another. These are the columns of :attr:`union`,
        unless tasks share classes: then such a class has a number for each task, see :meth:`as_seen_from`.
        """
        offsets = [0]
        for task in self.tasks:
            offsets.append(offsets[-1] + len(task.classes))
        return tuple(offsets)

    def as_seen_from(self, index: int, numbers: np.ndarray) -> np.ndarray:
        """Replace each number of a shared class: by the one it has in task ``index``, else by its first.

        So an answer is right on an image of that task when its number is that of the image's class.
        """
        return self._numbers[index][numbers] if self.shared else numbers

    @cached_property
    def _numbers(self) -> tuple[np.ndarray, ...]:
        return numbers_seen_from([task.classes for task in self.tasks], self.shared)

    @cached_property
    def digests(self) -> dict[str, str]:
        """What identifies the data, field by field, independent of the tasks' order."""
        tasks = sorted(self.tasks, key=lambda task: task.key)

        def digest(value: object) -> str:
            return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]

        shared = [sorted(self.shared.items())] if self.shared else []
        return {
            "stream": digest([self.name, self.protocol, dict(self.meta), *shared]),
            "class_names": digest([[t.key, t.classes] for t in tasks]),
            "templates": digest([[t.key, t.templates] for t in tasks]),
            "train_split": digest([[t.key, t.train.digest] for t in tasks]),
            "test_split": digest([[t.key, t.test.digest] for t in tasks]),
        }


def order_keys(
    order: str, keys: Sequence[str], orders: Mapping[str, Sequence[str]], *, stream: str
) -> tuple[str, ...]:
    """Resolve an order's name to task keys: a published one, or ``random-SEED``.

    Raises:
        UnknownNameError: neither a published order nor ``random-`` and a whole number.
    """
    if order in orders:
        return tuple(orders[order])
    if re.fullmatch("random-(0|[1-9][0-9]{0,17})", order):  # one way to write it: it is part of a run's key
        shuffled = sorted(keys)
        random.Random(int(order.removeprefix("random-"))).shuffle(shuffled)
        return tuple(shuffled)
    raise UnknownNameError(
        f"order of stream {stream}",
        order,
        [*orders, "random-0"],
        fix="use --order NAME or --order random-SEED",
    )
