"""A stream as a YAML file describes it, with what lies in the folders that it names."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from clbench.config.paths import user_path
from clbench.streams.entries import ReferenceEntry, StreamEntry
from clbench.streams.files.contents import content_digests
from clbench.streams.files.names import find
from clbench.streams.imagefolders import Folder

__all__ = ["DescribedTask", "Description"]


@dataclass(frozen=True)
class DescribedTask:
    """A task of the file.

    Attributes:
        key, title, templates: as in :class:`clbench.streams.Task`.
        folders: names of the class folders, sorted: the order of the labels.
        classes: class names in that order.
        train, test, validation: the images.
        groups: which test images are alike: the group of each of ``test.files``, ``None`` for those that are
            alone; empty where no table names any.
    """

    key: str
    title: str
    templates: tuple[str, ...]
    folders: tuple[str, ...]
    classes: tuple[str, ...]
    train: Folder
    test: Folder
    validation: Folder | None = None
    groups: tuple[str | None, ...] = ()

    @property
    def group_count(self) -> int | None:
        """How many groups the test images are, those that are alone counted; ``None`` without a table."""
        named = {name for name in self.groups if name is not None}
        return len(named) + self.groups.count(None) if self.groups else None

    @property
    def splits(self) -> dict[str, Folder]:
        """The folders by split."""
        found = {"train": self.train, "test": self.test}
        return found | ({"val": self.validation} if self.validation is not None else {})


@dataclass(frozen=True)
class Description:
    """What the file says, with what lies in the folders.

    Attributes:
        file: the YAML file.
        entry: its content.
        tasks: its tasks.
        captions: (image, text) pairs of a reference in a folder.
        names: of a class pool in a file.
    """

    file: Path
    entry: StreamEntry
    tasks: tuple[DescribedTask, ...]
    captions: tuple[tuple[Path, str], ...] = ()
    names: tuple[str, ...] = ()

    @property
    def orders(self) -> dict[str, tuple[str, ...]]:
        """Task keys by order; ``I``, the order of the file, where none is given."""
        given = {name: tuple(keys) for name, keys in self.entry.orders.items()}
        return given or {"I": tuple(task.key for task in self.tasks)}

    @cached_property
    def reference_digests(self) -> tuple[str, ...]:
        """What identifies each image of a reference in a folder.

        Raises:
            DataError: an image file cannot be read.
        """
        reference = self.entry.reference
        if not isinstance(reference, ReferenceEntry):
            return ()
        root = find(self.file.parent, user_path(reference.images))
        return content_digests(root, [file for file, _ in self.captions])

    @cached_property
    def digest(self) -> str:
        """Of everything that decides a figure: names, templates, orders, and the bytes of all images.

        Where the folders lie does not count, nor do groups of test images, which decide intervals alone.

        Raises:
            DataError: an image file cannot be read.
        """
        tasks = [
            [
                task.key,
                task.classes,
                task.templates,
                {s: [folder.digests, folder.labels(task.folders)] for s, folder in task.splits.items()},
            ]
            for task in self.tasks
        ]
        reference: Any = self.entry.reference
        if isinstance(reference, ReferenceEntry):
            reference = [self.reference_digests, [text for _, text in self.captions]]
        content = [self.entry.name, self.orders, tasks, reference, self.names or self.entry.class_pool]
        content += ["shared classes"] if self.entry.shared_classes else []
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
