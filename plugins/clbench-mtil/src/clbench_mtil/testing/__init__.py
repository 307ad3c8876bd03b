"""Writes the eleven data sets in miniature, in the layout that torchvision reads, for trials without data.

The images are small and of one colour per class; names of classes are made up where torchvision takes them
from the data. ``CLBENCH_MTIL_COUNTS=any`` lets the streams take them; :func:`accepted` lets torchvision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import md5
from pathlib import Path
from unittest import mock

from clbench_mtil.catalogue import KEYS, data_set
from clbench_mtil.testing import arrays, divided, official
from clbench_mtil.testing.hub import write_hub
from clbench_mtil.testing.others import write_others, write_others_hub
from clbench_mtil.testing.pieces import colour, write_captions

__all__ = [
    "accepted",
    "colour",
    "write",
    "write_all",
    "write_captions",
    "write_hub",
    "write_others",
    "write_others_hub",
]


def write_all(root: Path, classes: int | None = 3, keys: Sequence[str] = KEYS) -> None:
    """Write the data sets ``keys`` under ``root``, with CoOp's splits.

    Args:
        root: becomes the data root.
        classes: how many each has at most; ``None``: as many as there are.
        keys: which.
    """
    for key in keys:
        write(key, root, classes)


def write(key: str, root: Path, classes: int | None = 3) -> None:
    """Write one data set; see :func:`write_all`."""
    count = min(classes or 1000, data_set(key).classes["zscl"])
    _WRITERS[key](root, count)


@contextmanager
def accepted(root: Path) -> Iterator[None]:
    """Let torchvision take the files under ``root`` for whole, where it knows digests of the real ones."""
    from torchvision.datasets import CIFAR10, CIFAR100, Flowers102

    def digest(path: Path) -> str:
        return md5(path.read_bytes()).hexdigest() if path.is_file() else ""

    cifar, flowers = root / CIFAR100.base_folder, root / "flowers-102"
    ten = root / CIFAR10.base_folder
    files = {
        name: (file, digest(flowers / file) if name != "image" else md5_)
        for name, (file, md5_) in Flowers102._file_dict.items()
    }
    with (
        mock.patch.object(CIFAR10, "train_list", []),
        mock.patch.object(CIFAR10, "test_list", [["test_batch", digest(ten / "test_batch")]]),
        mock.patch.object(CIFAR10, "meta", {**CIFAR10.meta, "md5": digest(ten / "batches.meta")}),
        mock.patch.object(CIFAR100, "train_list", [["train", digest(cifar / "train")]]),
        mock.patch.object(CIFAR100, "test_list", [["test", digest(cifar / "test")]]),
        mock.patch.object(CIFAR100, "meta", {**CIFAR100.meta, "md5": digest(cifar / "meta")}),
        mock.patch.object(Flowers102, "_file_dict", files),
    ):
        yield


_WRITERS: Mapping[str, Callable[[Path, int], None]] = {
    "aircraft": official.aircraft,
    "caltech101": divided.caltech101,
    "cifar100": arrays.cifar100,
    "dtd": official.dtd,
    "eurosat": divided.eurosat,
    "flowers": official.flowers,
    "food": official.food,
    "mnist": arrays.mnist,
    "oxfordpet": official.oxfordpet,
    "stanfordcars": official.stanfordcars,
    "sun397": divided.sun397,
}
