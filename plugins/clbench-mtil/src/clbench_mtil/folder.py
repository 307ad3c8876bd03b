"""The data sets from a folder in torchvision's layout. torchvision lists files and labels.

Nothing is decoded. Files come sorted by path: the one order that every copy of a data set has in common, and
torchvision's own where a split is drawn by index (Caltech101, EuroSAT). Arrays (CIFAR100, MNIST) keep their
order and become uncompressed PPM and PGM images: exact, and costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from clbench.errors import ClbenchError, DataError

from clbench_mtil.catalogue import data_set
from clbench_mtil.integrity import damaged, remedy
from clbench_mtil.samples import Collection, Samples

__all__ = ["portable", "read"]


def read(key: str, root: Path) -> Collection:
    """Read where the images of a data set lie, and their labels.

    Raises:
        DataError: something is missing or torchvision cannot read it; names the files.
    """
    entry = data_set(key)
    missing = entry.missing(root)
    if missing:
        raise DataError(
            f"{entry.title} is not complete under {root}",
            why=f"there is no {', '.join(str(path.relative_to(root)) for path in missing)}",
            fix=(f"clbench prepare mtil --fetch --only {key}; " if entry.download_gb else "")
            + "see `clbench doctor mtil`; CLBENCH_DATA names another folder",
        )
    try:
        return _READERS[key](root)
    except ClbenchError:
        raise
    except Exception as error:
        # torchvision and scipy raise whatever a damaged file leads to
        found = damaged(entry, root)
        raise DataError(
            f"{entry.title} under {root} cannot be read",
            why="; ".join(found)
            or f"{type(error).__name__}: {error} (by torchvision.datasets.{entry.torchvision})",
            fix=remedy(entry, root),
        ) from error


def _path(path: str | Path) -> str:
    """A loader for torchvision that opens nothing."""
    return str(path)


def _samples(dataset: Any) -> Samples:
    """Of a torchvision data set that was given :func:`_path` as its loader."""
    return _sorted([dataset[index] for index in range(len(dataset))])


def _sorted(pairs: Iterable[tuple[str, int]]) -> Samples:
    ordered = sorted(pairs)
    return Samples([path for path, _ in ordered], [int(label) for _, label in ordered])


def _aircraft(root: Path) -> Collection:
    from torchvision.datasets import FGVCAircraft

    parts = {s: FGVCAircraft(root, s, loader=_path) for s in ("train", "val", "test")}
    return Collection(tuple(parts["train"].classes), {s: _samples(data) for s, data in parts.items()})


def _caltech101(root: Path) -> Collection:
    from torchvision.datasets import Caltech101

    data = Caltech101(root)
    images = Path(data.root) / "101_ObjectCategories"
    paths = [
        str(images / data.categories[label] / f"image_{number:04d}.jpg")
        for label, number in zip(data.y, data.index, strict=True)
    ]
    return Collection(tuple(data.categories), {"all": _sorted(zip(paths, data.y, strict=True))})


def _cifar100(root: Path) -> Collection:
    from torchvision.datasets import CIFAR100

    parts = {"train": CIFAR100(root, train=True), "test": CIFAR100(root, train=False)}
    return Collection(
        tuple(parts["train"].classes),
        {s: Samples([portable(image) for image in data.data], data.targets) for s, data in parts.items()},
    )


def _dtd(root: Path) -> Collection:
    from torchvision.datasets import DTD

    parts = {s: DTD(root, s, partition=1, loader=_path) for s in ("train", "test")}
    return Collection(tuple(parts["train"].classes), {s: _samples(data) for s, data in parts.items()})


def _eurosat(root: Path) -> Collection:
    from torchvision.datasets import EuroSAT

    data = EuroSAT(root, loader=_path)
    return Collection(tuple(data.classes), {"all": _samples(data)})


def _flowers(root: Path) -> Collection:
    from torchvision.datasets import Flowers102

    parts = {s: Flowers102(root, s, loader=_path) for s in ("train", "test")}
    # the ids; torchvision's own names differ from the authors' in one
    names = tuple(map(str, range(1, 103)))
    return Collection(names, {s: _samples(data) for s, data in parts.items()})


def _food(root: Path) -> Collection:
    from torchvision.datasets import Food101

    parts = {s: Food101(root, s, loader=_path) for s in ("train", "test")}
    return Collection(tuple(parts["train"].classes), {s: _samples(data) for s, data in parts.items()})


def _mnist(root: Path) -> Collection:
    from torchvision.datasets import MNIST

    parts = {"train": MNIST(root, train=True), "test": MNIST(root, train=False)}
    return Collection(
        tuple(MNIST.classes),
        {
            s: Samples([portable(image) for image in data.data.numpy()], data.targets.tolist())
            for s, data in parts.items()
        },
    )


def _oxfordpet(root: Path) -> Collection:
    from torchvision.datasets import OxfordIIITPet

    parts = {"train": OxfordIIITPet(root, "trainval"), "test": OxfordIIITPet(root, "test")}
    return Collection(
        tuple(parts["train"].classes),
        # it alone takes no loader, so its lists are read
        {s: _sorted(zip(map(str, data._images), data._labels, strict=True)) for s, data in parts.items()},
    )


def _stanfordcars(root: Path) -> Collection:
    from torchvision.datasets import StanfordCars

    parts = {s: StanfordCars(root, s, loader=_path) for s in ("train", "test")}
    return Collection(tuple(parts["train"].classes), {s: _samples(data) for s, data in parts.items()})


def _sun397(root: Path) -> Collection:
    from torchvision.datasets import SUN397

    # torchvision leaves the files in the order of the file system, which no other machine has
    data = SUN397(root, loader=_path)
    return Collection(tuple(data.classes), {"all": _samples(data)})


def portable(pixels: np.ndarray) -> bytes:
    """uint8 (height, width) or (height, width, 3) → the bytes of a PGM or PPM image."""
    height, width = pixels.shape[:2]
    kind = b"P5" if pixels.ndim == 2 else b"P6"
    return kind + f" {width} {height} 255\n".encode() + np.ascontiguousarray(pixels).tobytes()


_READERS: Mapping[str, Callable[[Path], Collection]] = {
    "aircraft": _aircraft,
    "caltech101": _caltech101,
    "cifar100": _cifar100,
    "dtd": _dtd,
    "eurosat": _eurosat,
    "flowers": _flowers,
    "food": _food,
    "mnist": _mnist,
    "oxfordpet": _oxfordpet,
    "stanfordcars": _stanfordcars,
    "sun397": _sun397,
}
