"""A folder with one folder of images for each class, as torchvision's ``ImageFolder`` reads it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from clbench.streams.contents import content_digests
from clbench.streams.images import ImageSet

__all__ = ["IMAGE_SUFFIXES", "Folder", "image_set", "scan"]

IMAGE_SUFFIXES = frozenset(
    {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)


@dataclass(frozen=True)
class Folder:
    """What lies in ``root/CLASS/*``.

    Attributes:
        root: the folder of the class folders.
        images: by class folder, sorted, the images in it, sorted; hidden files are passed over.
        ignored: what lies there and is not read: images beside the class folders, other files, folders
            inside class folders.
    """

    root: Path
    images: dict[str, tuple[Path, ...]]
    ignored: tuple[Path, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """All images, class by class."""
        return tuple(file for files in self.images.values() for file in files)

    @property
    def empty(self) -> tuple[str, ...]:
        """Class folders without an image."""
        return tuple(name for name, files in self.images.items() if not files)

    @cached_property
    def digests(self) -> tuple[str, ...]:
        """SHA-256 of each of :attr:`files`.

        Raises:
            DataError: a file cannot be read.
        """
        return content_digests(self.root, self.files)

    def labels(self, classes: Sequence[str]) -> list[int]:
        """For each of :attr:`files` the position of its folder in ``classes``."""
        position = {name: label for label, name in enumerate(classes)}
        return [position[name] for name, files in self.images.items() for _ in files]


def scan(root: Path) -> Folder:
    """List ``root``; names are sorted by code points, on every system alike.

    Raises:
        OSError: it is no folder, or may not be read.
    """
    images: dict[str, tuple[Path, ...]] = {}
    ignored: list[Path] = []
    for entry in _visible(root):
        if not entry.is_dir():
            ignored.append(Path(entry.path))
            continue
        found: list[Path] = []
        for inner in _visible(Path(entry.path)):
            path = Path(inner.path)
            is_image = path.suffix.lower() in IMAGE_SUFFIXES and inner.is_file()
            (found if is_image else ignored).append(path)
        images[entry.name] = tuple(found)
    return Folder(root, images, tuple(ignored))


def image_set(files: Sequence[Path], digests: Sequence[str], labels: Sequence[int], *, name: str) -> ImageSet:
    """Images from files, identified by their bytes; nothing is decoded yet."""
    import datasets

    features = datasets.Features(image=datasets.Image(), label=datasets.Value("int64"))
    columns = {"image": [str(file) for file in files], "label": list(labels)}
    return ImageSet(datasets.Dataset.from_dict(columns, features=features), name=name, contents=digests)


def _visible(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: e.name)
