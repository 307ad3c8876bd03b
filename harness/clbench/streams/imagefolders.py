"""A folder with one folder of images for each class, as torchvision's ``ImageFolder`` reads it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from clbench.streams.files.contents import content_digests
from clbench.streams.files.names import is_system, normal
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
        images: by class folder, sorted, the images in it, sorted. Names of folders are composed (Unicode's
            NFC), whatever the disk has, and hidden files are passed over.
        ignored: what lies there and is not read: images beside the class folders, other files, folders
            inside class folders.
        system: what operating systems, network drives and archivers leave, which is not read either.
        doubled: class folders whose names are the same in the composed form.
    """

    root: Path
    images: dict[str, tuple[Path, ...]]
    ignored: tuple[Path, ...] = ()
    system: tuple[Path, ...] = ()
    doubled: tuple[str, ...] = ()

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
        """What identifies each of :attr:`files`.

        Raises:
            DataError: a file cannot be read.
        """
        return content_digests(self.root, self.files)

    def labels(self, classes: Sequence[str]) -> list[int]:
        """For each of :attr:`files` the position of its folder in ``classes``."""
        position = {name: label for label, name in enumerate(classes)}
        return [position[name] for name, files in self.images.items() for _ in files]


def scan(root: Path) -> Folder:
    """List ``root``; names are sorted by code points of their composed form, on every system alike.

    Raises:
        OSError: it is no folder, or may not be read.
    """
    images: dict[str, tuple[Path, ...]] = {}
    ignored: list[Path] = []
    system: list[Path] = []
    doubled: list[str] = []
    for entry in _visible(root, system):
        if not entry.is_dir():
            ignored.append(Path(entry.path))
            continue
        found: list[Path] = []
        for inner in _visible(Path(entry.path), system):
            path = Path(inner.path)
            is_image = path.suffix.lower() in IMAGE_SUFFIXES and inner.is_file()
            (found if is_image else ignored).append(path)
        name = normal(entry.name)
        doubled += [name] if name in images else []
        images[name] = (*images.get(name, ()), *found)
    return Folder(root, images, tuple(ignored), tuple(system), tuple(doubled))


def image_set(
    files: Sequence[Path],
    digests: Sequence[str],
    labels: Sequence[int],
    *,
    name: str,
    groups: Sequence[str | None] = (),
) -> ImageSet:
    """Images from files, identified by their bytes; nothing is decoded yet. ``groups``: of each image."""
    import datasets

    features = datasets.Features(image=datasets.Image(), label=datasets.Value("int64"))
    columns = {"image": [str(file) for file in files], "label": list(labels)}
    if groups:
        features["group"], columns["group"] = datasets.Value("string"), list(groups)
    return ImageSet(
        datasets.Dataset.from_dict(columns, features=features),
        name=name,
        contents=digests,
        group="group" if groups else None,
    )


def _visible(folder: Path, system: list[Path]) -> list[os.DirEntry[str]]:
    """What is neither hidden nor left by a system, sorted; the latter is added to ``system``."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_system(entry.name):
                system.append(Path(entry.path))
            elif not entry.name.startswith("."):
                found.append(entry)
    return sorted(found, key=lambda entry: (normal(entry.name), entry.name))
