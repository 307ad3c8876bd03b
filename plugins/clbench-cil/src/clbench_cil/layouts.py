"""Where the folders have their files, and the order of the images, which both sources keep."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Literal

from clbench.errors import DataError

from clbench_cil.catalogue import DOMAINS, TITLES

__all__ = ["FOLDERS", "PARTS", "Key", "Part", "find_folder", "lists_in", "missing", "place", "rank"]

Key = Literal["tinyimagenet", "imagenet", "domainnet"]
Part = Literal["train", "test"]

PARTS: tuple[Part, ...] = ("train", "test")

FOLDERS: dict[Key, tuple[str, ...]] = {
    "tinyimagenet": ("tiny-imagenet-200", "tinyimagenet/tiny-imagenet-200"),
    "imagenet": ("imagenet", "ImageNet"),
    "domainnet": ("domainnet", "DomainNet"),
}
"""Folders where a data set may lie, relative to the data root; the first is where prepare puts it."""


def find_folder(key: Key, root: Path) -> Path:
    """The folder of a data set under ``root``.

    Raises:
        DataError: it is not there, or lacks a file or folder that it must have.
    """
    lacking = missing(key, root)
    if lacking:
        raise DataError(
            f"{TITLES[key]} is not complete under {root}",
            why=f"there is no {', '.join(str(path.relative_to(root)) for path in lacking)}",
            fix="see `clbench doctor cil`; CLBENCH_DATA names another folder",
        )
    return _present(key, root)


def missing(key: Key, root: Path) -> tuple[Path, ...]:
    """What of a data set is not under ``root``; no image is looked for."""
    folder = _present(key, root)
    return tuple(folder / name for name in _needed(key, folder) if not (folder / name).exists())


def lists_in(folder: Path) -> Path:
    """The folder with DomainNet's lists: the data set's own, or ``splits`` in it."""
    return folder / "splits" if (folder / "splits").is_dir() else folder


def place(key: Key, part: Part, wnid: str, file: str) -> str:
    """Where the folder of a data set has an image, relative to it."""
    if key == "tinyimagenet":
        return f"train/{wnid}/images/{file}" if part == "train" else f"val/images/{file}"
    return f"{'train' if part == 'train' else 'val'}/{wnid}/{file}"


def rank(key: Key, part: Part, label: int, path: str) -> tuple[object, ...]:
    """What images are sorted by: as torchvision does, but those of TinyImageNet by number."""
    name = PurePosixPath(path).name
    if key != "tinyimagenet":
        return (label, path)
    number = int(re.findall(r"\d+", name)[-1])
    return (label, number) if part == "train" else (number,)


def _present(key: Key, root: Path) -> Path:
    folders = [root / name for name in FOLDERS[key]]
    return next((folder for folder in folders if folder.is_dir()), folders[0])


def _needed(key: Key, folder: Path) -> Iterator[str]:
    if key == "tinyimagenet":
        yield from ("wnids.txt", "train", "val/images", "val/val_annotations.txt")
    elif key == "imagenet":
        yield from ("train", "val")
    else:
        lists = lists_in(folder).relative_to(folder)
        for domain in DOMAINS:
            yield domain
            yield from ((lists / f"{domain}_{part}.txt").as_posix() for part in ("train", "test"))
