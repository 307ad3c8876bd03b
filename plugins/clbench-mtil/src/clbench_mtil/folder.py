"""The data sets from a folder in torchvision's layout, or in CoOp's.

torchvision lists files and labels, where it can; nothing is decoded.
Files come sorted by path: the one order that every copy of a data set has in common, and
torchvision's own where a split is drawn by index (Caltech101, EuroSAT). Arrays (CIFAR100, MNIST) keep their
order and become uncompressed PPM and PGM images: exact, and costs nothing.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from clbench.errors import ClbenchError, DataError

from clbench_mtil import lists
from clbench_mtil.catalogue import DataSet, data_set
from clbench_mtil.integrity import damaged, remedy
from clbench_mtil.lists import by_path
from clbench_mtil.misplaced import strays
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
    except Exception as error:
        # torchvision and scipy raise whatever a damaged file leads to
        found = damaged(entry, root)
        left = [] if found else strays(entry.place(root, entry.files[0]))
        if left:
            named = ", ".join(left[:3]) + (f" and {len(left) - 3} more" if len(left) > 3 else "")
            raise DataError(
                f"{entry.title} under {root} cannot be read",
                why=f"among its folders and images lies what a system has left there: {named}",
                fix=f"rm -r {' '.join(map(shlex.quote, left[:3]))}; all else can stay",
            ) from error
        raise DataError(
            f"{entry.title} under {root} cannot be read",
            why="; ".join(found) or _reason(entry, error),
            fix=remedy(entry, root),
        ) from error


def _reason(entry: DataSet, error: Exception) -> str:
    if isinstance(error, ClbenchError):  # of a list that is read here
        return f"{error.what}: {error.why}"
    return f"{type(error).__name__}: {error} (by torchvision.datasets.{entry.torchvision}, or as it reads)"


def _path(path: str | Path) -> str:
    """A loader for torchvision that opens nothing."""
    return str(path)


def _samples(dataset: Any) -> Samples:
    """Of a torchvision data set that was given :func:`_path` as its loader."""
    return by_path([dataset[index] for index in range(len(dataset))])


def _aircraft(root: Path) -> Collection:
    return lists.aircraft(data_set("aircraft").home(root))


def _caltech101(root: Path) -> Collection:
    return lists.caltech101(data_set("caltech101").home(root) / "101_ObjectCategories")


def _cifar100(root: Path) -> Collection:
    from torchvision.datasets import CIFAR100

    parts = {"train": CIFAR100(root, train=True), "test": CIFAR100(root, train=False)}
    return Collection(
        tuple(parts["train"].classes),
        {s: Samples([portable(image) for image in data.data], data.targets) for s, data in parts.items()},
    )


def _dtd(root: Path) -> Collection:
    return lists.dtd(data_set("dtd").home(root))


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
    return lists.oxfordpet(data_set("oxfordpet").home(root))


def _stanfordcars(root: Path) -> Collection:
    from torchvision.datasets import StanfordCars

    parts = {s: StanfordCars(root, s, loader=_path) for s in ("train", "test")}
    return Collection(tuple(parts["train"].classes), {s: _samples(data) for s, data in parts.items()})


def _sun397(root: Path) -> Collection:
    from torchvision.datasets import SUN397

    # torchvision leaves the files in the order of the file system, which no other machine has
    data = SUN397(data_set("sun397").home(root).parent, loader=_path)
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
