"""The two protocols that the literature calls MTIL: samples to train and to test, and names of classes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PureWindowsPath
from typing import Protocol as Interface
from typing import runtime_checkable

from clbench.errors import DataError
from clbench.streams.files.texts import read_text

from clbench_mtil.catalogue import DataSet, Protocol, class_names, counts_checked, data_set
from clbench_mtil.publication import check_published
from clbench_mtil.samples import Collection, Samples, Splits
from clbench_mtil.splits import eighty_twenty, fifth_per_class

__all__ = ["SPLIT_SEED", "NamedImages", "Source", "SourceOfFiles", "divide", "find_split"]

Source = Callable[[str], Collection]
"""Reads a data set by its key."""


class NamedImages(Interface):
    """All images of a data set by the paths of CoOp's files."""

    def choose(self, rows: Sequence[tuple[str, int]]) -> Samples:
        """The images of ``rows``, (path, label) each, in that order."""


@runtime_checkable
class SourceOfFiles(Interface):
    """A source whose images need not be files on disk."""

    def files(self, key: str) -> NamedImages | None:
        """All images of a data set by name; ``None``: they are files on disk."""


SPLIT_SEED = 1
"""Of the validation split that protocol ``coop`` draws by itself, for CIFAR100 and MNIST."""


def divide(key: str, protocol: Protocol, source: Source, root: Path) -> Splits:
    """Divide a data set as ``protocol`` does, and name its classes.

    Args:
        key: which data set.
        protocol: ``zscl`` (torchvision's splits) or ``coop`` (the splits of CoOp, with validation data).
        source: where samples come from. Those of CoOp's files are files under ``root``, but of a source
            that has images by name (:class:`SourceOfFiles`).
        root: the folder where CoOp's files are looked for.

    Raises:
        DataError: data are missing, or not as many as published.
    """
    entry = data_set(key)
    if protocol == "zscl":
        splits = _zscl(key, source(key))
    elif entry.split is None:
        splits = _coop_by_code(source(key))
    else:
        splits = _coop_by_file(entry, root, source.files(key) if isinstance(source, SourceOfFiles) else None)
    if counts_checked():
        check_published(entry, protocol, splits, root)
    return splits


def _zscl(key: str, found: Collection) -> Splits:
    parts = dict(found.parts)
    if "all" in parts:
        train, test = eighty_twenty(len(parts["all"]))
        parts = {"train": parts["all"].take(train), "test": parts["all"].take(test)}
    return Splits(_zscl_names(key, found.names), {s: parts[s] for s in ("train", "test")})


def _zscl_names(key: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """torchvision's names with spaces, or the authors' own where they have a list."""
    if key not in ("caltech101", "eurosat", "flowers"):
        return tuple(name.replace("_", " ") for name in names)
    own = class_names(key)
    if not isinstance(own, Mapping):
        return own
    unknown = [name for name in names if name not in own]
    if unknown:
        raise DataError(
            f"{data_set(key).title} has folders that are none of its classes: {', '.join(unknown)}",
            fix="move these folders elsewhere; the others can stay",
        )
    return tuple(own[name] for name in names)


def _coop_by_code(found: Collection) -> Splits:
    """Aircraft by its official splits; CIFAR100 and MNIST with a fifth of each class to validate."""
    parts = dict(found.parts)
    if "val" in parts:
        parts["validation"] = parts.pop("val")
    else:
        train, held_out = fifth_per_class(parts["train"].labels, SPLIT_SEED)
        parts["validation"] = parts["train"].take(held_out)
        parts["train"] = parts["train"].take(train)
    return Splits(tuple(name.replace("_", " ") for name in found.names), parts)


def _coop_by_file(entry: DataSet, root: Path, named: NamedImages | None) -> Splits:
    """By ``split_zhou_*.json``: per split a list of (path, label, class name)."""
    assert entry.split is not None
    places = [root / folder / entry.split for folder in entry.split_in]
    file = find_split(entry, root)
    images = next((root / folder for folder in entry.images_in if (root / folder).is_dir()), None)
    if file is None or (images is None and named is None):
        lacking = f"no {entry.split}" if file is None else "no folder of images"
        looked = places if file is None else [root / folder for folder in entry.images_in]
        raise DataError(
            f"{entry.title} has {lacking}",
            why=f"looked for {', '.join(map(str, looked))}",
            fix=f"clbench prepare mtil --fetch --protocol coop --only {entry.key}; see `clbench doctor mtil`",
        )
    try:
        content = json.loads(read_text(file))
        rows = {
            split: [(_portable(path), int(label), str(name)) for path, label, name in content[short]]
            for split, short in (("train", "train"), ("validation", "val"), ("test", "test"))
        }
    except (DataError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{file} is not a split as CoOp's code writes it",
            why=error.why if isinstance(error, DataError) else f"{type(error).__name__}: {error}",
            fix="fetch it again; images need not be fetched again",
        ) from error
    pairs = sorted({(label, name) for part in rows.values() for _, label, name in part})
    if [label for label, _ in pairs] != list(range(len(pairs))):
        raise DataError(
            f"{file} does not give each label from 0 one class name",
            why=f"{len(pairs)} pairs of label and name",
            fix="fetch it again",
        )

    def samples(part: Sequence[tuple[str, int, str]]) -> Samples:
        if named is not None:
            return named.choose([(path, label) for path, label, _ in part])
        assert images is not None
        return Samples([str(images / path) for path, _, _ in part], [label for _, label, _ in part])

    names = tuple(name.replace("_", " ") for _, name in pairs)
    return Splits(names, {split: samples(part) for split, part in rows.items()})


def _portable(path: str) -> str:
    """A path of CoOp's file, relative and with slashes: on Windows its code writes backslashes."""
    return PureWindowsPath(path).as_posix().lstrip("/")


def find_split(entry: DataSet, root: Path) -> Path | None:
    """CoOp's file of the split, if it is under ``root``."""
    assert entry.split is not None
    places = (root / folder / entry.split for folder in entry.split_in)
    return next((place for place in places if place.is_file()), None)
