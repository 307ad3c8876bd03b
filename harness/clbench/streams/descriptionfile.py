"""Read a stream's YAML file and look into the folders that it names; all mistakes come at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from clbench.config.paths import user_path
from clbench.config.yamlvalues import read_yaml
from clbench.errors import ClbenchError, ConfigError, UnknownNameError, did_you_mean
from clbench.streams.description import DescribedTask, Description
from clbench.streams.entries import ReferenceEntry, StreamEntry, TaskEntry, mistakes
from clbench.streams.files.names import composed, find
from clbench.streams.imagefolders import Folder, scan
from clbench.streams.sidefiles import read_captions, read_groups, read_names

__all__ = ["read_description"]

Entry = TypeVar("Entry", bound=BaseModel)


def read_description(path: Path) -> Description:
    """Read the file and look into the folders that it names; images are not opened.

    Raises:
        ConfigError: lists all mistakes.
    """
    reader = _Reader(path)
    description = reader.read()
    if reader.problems or description is None:
        count = len(reader.problems)
        raise ConfigError(
            f"{path} has {count} mistakes" if count > 1 else f"{path} has a mistake",
            fix="the form of such a file is in docs/streams.md",
            problems=reader.problems,
        )
    return description


class _Reader:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.home = path.parent
        self.problems: list[ClbenchError | str] = []

    def read(self) -> Description | None:
        raw = self.raw()
        if raw is None:
            return None
        listed = raw.get("tasks")
        # Tasks are read one by one, so that a mistake in one does not hide what is wrong with the others.
        entry = self.validated(StreamEntry, raw)
        given = listed if isinstance(listed, list) else []
        templates = entry.templates if entry else None
        tasks = [
            self.task(number, each, templates, known=entry is not None)
            for number, each in enumerate(given, start=1)
        ]
        keys = [str(each["key"]) for each in given if isinstance(each, Mapping) and "key" in each]
        self.check_keys(keys, raw.get("orders"))
        captions = self.captions(entry.reference) if entry else ()
        names = self.names(entry.class_pool) if entry else ()
        if self.problems or entry is None:
            return None
        return Description(self.path, entry, tuple(task for task in tasks if task), captions, names)

    def raw(self) -> Mapping[str, Any] | None:
        try:
            raw = read_yaml(self.path)
        except ConfigError as error:
            self.problems.append(error)
            return None
        if isinstance(raw, Mapping):
            found: Mapping[str, Any] = composed(raw)
            return found
        self.problems.append(f"it holds {type(raw).__name__}, not a mapping such as name: birds")
        return None

    def validated(self, model: type[Entry], raw: Any, where: str = "") -> Entry | None:
        try:
            return model.model_validate(raw)
        except ValidationError as error:
            self.problems += mistakes(error, model, where)
            return None

    # -- tasks --------------------------------------------------------------------------------------

    def task(self, number: int, raw: Any, shared: list[str] | None, *, known: bool) -> DescribedTask | None:
        """The task, or ``None``; ``known``: whether ``shared`` templates are known, or the lack of them."""
        where = f"task {raw['key']!r}" if isinstance(raw, Mapping) and "key" in raw else f"task {number}"
        entry = self.validated(TaskEntry, raw, where)
        if entry is None:
            return None
        templates = entry.templates or shared
        if templates is None and known:
            self.problems.append(f"{where}: it has no templates, and the stream has none for all tasks")
        splits = {
            split: self.folder(f"{where}, {split}", folder)
            for split, folder in (("train", entry.train), ("test", entry.test), ("val", entry.val))
            if folder is not None
        }
        train, test = splits["train"], splits["test"]
        if train is None:
            return None
        folders = tuple(train.images)
        for split in ("test", "val"):
            self.check_classes(f"{where}, {split}", splits.get(split), folders)
        for name in entry.classes:
            if name not in folders:
                unknown = UnknownNameError("class folder", name, folders)
                self.problems.append(f"{where}, classes: {unknown.what}: {unknown.why}")
        if templates is None or test is None:
            return None
        classes = tuple(entry.classes.get(name, name.replace("_", " ")) for name in folders)
        title = entry.title or entry.key
        groups: tuple[str | None, ...] = ()
        if entry.groups is not None:
            table = find(self.home, user_path(entry.groups))
            groups = self.groups(where, table, test)
            # the usual place for it; it is read, if not as an image
            test = replace(test, ignored=tuple(path for path in test.ignored if path != table))
        return DescribedTask(
            entry.key, title, tuple(templates), folders, classes, train, test, splits.get("val"), groups
        )

    def groups(self, where: str, table: Path, test: Folder) -> tuple[str | None, ...]:
        try:
            return read_groups(table, test)
        except ClbenchError as error:
            self.problems.append(ClbenchError(f"{where}, groups: {error.what}", why=error.why, fix=error.fix))
            return ()

    def folder(self, where: str, given: Path) -> Folder | None:
        try:
            root = find(self.home, user_path(given))
        except ConfigError as error:
            self.problems.append(ConfigError(f"{where}: {error.what}", why=error.why, fix=error.fix))
            return None
        try:
            folder = scan(root)
        except OSError as error:
            near = _near(root)
            self.problems.append(f"{where}: {root}: {error.strerror or error}{near}")
            return None
        if folder.doubled:
            named = ", ".join(folder.doubled)
            self.problems.append(f"{where}: {root} has two folders that are both called {named}; join them")
        elif not folder.images:
            self.problems.append(f"{where}: {root} has no class folders; images belong into {root}/CLASS/")
        elif not folder.files:
            self.problems.append(f"{where}: {root} has class folders, but no images in them")
        else:
            return folder
        return None

    def check_classes(self, where: str, folder: Folder | None, known: tuple[str, ...]) -> None:
        for name in folder.images if folder else ():
            if name not in known:
                unknown = UnknownNameError("class folder", name, known)
                self.problems.append(f"{where}: {unknown.what}, which train does not have: {unknown.why}")

    def check_keys(self, keys: list[str], orders: Any) -> None:
        for key in sorted({key for key in keys if keys.count(key) > 1}):
            self.problems.append(f"two tasks have the key {key!r}")
        given = orders.items() if isinstance(orders, Mapping) else ()
        for name, order in [(name, list(map(str, keys))) for name, keys in given if isinstance(keys, list)]:
            for key in order:
                if key not in keys:
                    unknown = UnknownNameError("task", key, keys)
                    self.problems.append(f"order {name}: {unknown.what}: {unknown.why}")
            missing = [key for key in keys if key not in order]
            if missing:
                self.problems.append(f"order {name} lacks {', '.join(missing)}")
            for key in sorted({key for key in order if order.count(key) > 1}):
                self.problems.append(f"order {name} names {key!r} twice")

    # -- what a stream has beside its tasks -----------------------------------------------------------

    def captions(self, reference: str | ReferenceEntry | None) -> tuple[tuple[Path, str], ...]:
        if not isinstance(reference, ReferenceEntry):
            return ()
        try:
            return read_captions(
                find(self.home, user_path(reference.captions)),
                find(self.home, user_path(reference.images)),
            )
        except ClbenchError as error:
            self.problems.append(error)
            return ()

    def names(self, pool: str | None) -> tuple[str, ...]:
        if pool is None or not pool.endswith(".txt"):
            return ()
        try:
            return read_names(find(self.home, user_path(pool)))
        except ClbenchError as error:
            self.problems.append(error)
            return ()


def _near(root: Path) -> str:
    """A hint at folders beside ``root`` with names like its own."""
    beside = [each.name for each in root.parent.iterdir() if each.is_dir()] if root.parent.is_dir() else []
    near = did_you_mean(root.name, beside)
    return f"; did you mean {' or '.join(str(root.parent / name) for name in near)}?" if near else ""
