"""Data sets whose own lists are read here, from torchvision's folder or from that of CoOp's instructions.

torchvision takes each data set from a folder of one name only. What is read is what it reads: the same
images, labels and names of classes, which a test holds against it. It counts files, whatever they are, where
images are numbered; here images are looked at, and what a system has left beside them is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from clbench.streams.files.names import is_system
from clbench.streams.files.texts import read_lines

from clbench_mtil.samples import Collection, Samples

__all__ = ["aircraft", "by_path", "caltech101", "dtd", "oxfordpet"]

_BACKGROUND = "BACKGROUND_Google"  # no class, says torchvision
_NUMBERED = re.compile(r"image_(\d{4,})\.jpg")


def by_path(pairs: Iterable[tuple[str, int]]) -> Samples:
    """Samples of (path, label) pairs, sorted by path."""
    ordered = sorted(pairs)
    return Samples([path for path, _ in ordered], [int(label) for _, label in ordered])


def aircraft(home: Path) -> Collection:
    """FGVC-Aircraft from its folder ``data``, by variant."""
    names = read_lines(home / "variants.txt")
    label_of = {name: label for label, name in enumerate(names)}
    parts = {}
    for part in ("train", "val", "test"):
        file = home / f"images_variant_{part}.txt"
        rows = [(line.partition(" ")[0], line.partition(" ")[2].strip()) for line in read_lines(file)]
        _check(file, {name for _, name in rows} - set(label_of))
        parts[part] = by_path((str(home / "images" / f"{image}.jpg"), label_of[name]) for image, name in rows)
    return Collection(names, parts)


def caltech101(home: Path) -> Collection:
    """Caltech101 from the folder ``101_ObjectCategories``: every image of each class, by its number."""
    folders = sorted(
        path.name
        for path in home.iterdir()
        if path.is_dir() and path.name != _BACKGROUND and not is_system(path.name)
    )
    pairs = [
        (str(path), label)
        for label, folder in enumerate(folders)
        for path in (home / folder).iterdir()
        if _NUMBERED.fullmatch(path.name)
    ]
    return Collection(tuple(folders), {"all": by_path(pairs)})


def dtd(home: Path) -> Collection:
    """DTD from the folder with ``images`` and ``labels``, first partition."""
    listed = {part: read_lines(home / "labels" / f"{part}1.txt") for part in ("train", "test")}
    names = tuple(sorted({line.partition("/")[0] for line in listed["train"]}))
    label_of = {name: label for label, name in enumerate(names)}
    parts = {}
    for part, lines in listed.items():
        _check(home / "labels" / f"{part}1.txt", {line.partition("/")[0] for line in lines} - set(label_of))
        parts[part] = by_path(
            (str(home / "images" / line), label_of[line.partition("/")[0]]) for line in lines
        )
    return Collection(names, parts)


def oxfordpet(home: Path) -> Collection:
    """OxfordPet from the folder with ``images`` and ``annotations``."""
    parts = {}
    names: dict[int, str] = {}
    for part, name in (("train", "trainval"), ("test", "test")):
        rows = [line.split() for line in read_lines(home / "annotations" / f"{name}.txt")]
        pairs = [(image, int(label) - 1) for image, label, _, _ in rows]
        parts[part] = by_path((str(home / "images" / f"{image}.jpg"), label) for image, label in pairs)
        if part == "train":
            for image, label in pairs:
                names[label] = " ".join(word.title() for word in image.rpartition("_")[0].split("_"))
    return Collection(tuple(names[label] for label in sorted(names)), parts)


def _check(file: Path, unknown: set[str]) -> None:
    if unknown:
        raise ValueError(f"{file} names classes that are none: {', '.join(map(repr, sorted(unknown)[:3]))}")
