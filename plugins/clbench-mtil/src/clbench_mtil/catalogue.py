"""What is known of the eleven data sets before any file is opened."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

__all__ = [
    "KEYS",
    "DataSet",
    "Protocol",
    "class_names",
    "counts_checked",
    "data_set",
    "data_sets",
    "document",
    "official_names",
]

Protocol = Literal["zscl", "coop"]

KEYS = (
    "aircraft",
    "caltech101",
    "cifar100",
    "dtd",
    "eurosat",
    "flowers",
    "food",
    "mnist",
    "oxfordpet",
    "stanfordcars",
    "sun397",
)
"""The tasks of MTIL in Order I."""


@dataclass(frozen=True, slots=True)
class DataSet:
    """One of the eleven.

    Attributes:
        key, title: the name to type and to print.
        classes: number of classes by protocol.
        sizes: number of images by protocol and split.
        divided: by what rule, by protocol.
        templates: all prompts; the first is the one to train with.
        mode: PIL's mode that images are converted to before they are resized; ``None``: as they are.
        rate_scale: factor on the learning rate that ZSCL and GIFT train it with.
        torchvision: name of the class in ``torchvision.datasets`` that reads it.
        download_gb: gigabytes that torchvision fetches, about; 0: it cannot fetch it.
        files: what is read, relative to the data root, as torchvision has it.
        homes: folders that the first part of ``files`` may lie in instead: torchvision's, then that of CoOp's
            instructions; empty: torchvision's alone.
        split: name of the file with CoOp's split; ``None``: CoOp's code splits it by itself.
        split_drive: that file's number on Google Drive, where CoOp's DATASETS.md links it.
        split_in, images_in: folders where that file may lie, and that its paths may start from.
    """

    key: str
    title: str
    classes: Mapping[str, int]
    sizes: Mapping[str, Mapping[str, int]]
    divided: Mapping[str, str]
    templates: tuple[str, ...]
    mode: str | None
    rate_scale: float
    torchvision: str
    download_gb: float
    files: tuple[str, ...]
    homes: tuple[str, ...]
    split: str | None
    split_drive: str
    split_in: tuple[str, ...]
    images_in: tuple[str, ...]

    def missing(self, root: Path) -> tuple[Path, ...]:
        """Those of its files that are not under ``root``."""
        return tuple(path for name in self.files if not (path := self.place(root, name)).exists())

    def home(self, root: Path) -> Path:
        """The folder of :attr:`homes` that is there, else the first."""
        return next((root / name for name in self.homes if (root / name).is_dir()), root / self.homes[0])

    def place(self, root: Path, name: str) -> Path:
        """Where one of :attr:`files` lies or would lie."""
        if not self.homes:
            return root / name
        return self.home(root) / Path(name).relative_to(self.homes[0])


@cache
def document(name: str) -> Mapping[str, Any]:
    """One of the TOML files of this package."""
    text = files("clbench_mtil").joinpath("data", name).read_text(encoding="utf-8")
    return MappingProxyType(tomllib.loads(text))


@cache
def data_sets() -> Mapping[str, DataSet]:
    """All eleven, by key, in Order I."""
    return MappingProxyType({key: _data_set(key, document("datasets.toml")[key]) for key in KEYS})


def data_set(key: str) -> DataSet:
    return data_sets()[key]


def class_names(key: str) -> Mapping[str, str] | tuple[str, ...]:
    """The authors' own names: by folder (caltech101, eurosat), or in the order of the labels (flowers)."""
    entry = document("names.toml")[key]
    return tuple(entry["names"]) if "names" in entry else MappingProxyType(entry)


def official_names(key: str) -> tuple[str, ...]:
    """torchvision's class names in the order of its labels; of CIFAR100, whose data have them, none."""
    if key == "flowers":
        return tuple(map(str, range(1, 103)))
    if key in ("caltech101", "eurosat"):
        return tuple(class_names(key))
    return tuple(document("classes.toml").get(key, {}).get("names", ()))


def counts_checked() -> bool:
    """Whether a data set of another size than the published one is an error.

    ``CLBENCH_MTIL_COUNTS=any`` takes what there is, for trials on a part of the data; the stream's
    fingerprint then says so.
    """
    return os.environ.get("CLBENCH_MTIL_COUNTS", "published") != "any"


def _data_set(key: str, entry: Mapping[str, Any]) -> DataSet:
    return DataSet(
        key=key,
        title=entry["title"],
        classes=entry["classes"],
        sizes={
            "zscl": dict(zip(("train", "test"), entry["zscl"], strict=True)),
            "coop": dict(zip(("train", "validation", "test"), entry["coop"], strict=True)),
        },
        divided=entry["divided"],
        templates=tuple(entry["templates"]),
        mode=entry["mode"] or None,
        rate_scale=float(entry["rate_scale"]),
        torchvision=entry["torchvision"],
        download_gb=float(entry["download_gb"]),
        files=tuple(entry["files"]),
        homes=tuple(entry.get("homes", ())),
        split=entry.get("split"),
        split_drive=entry.get("split_drive", ""),
        split_in=tuple(entry.get("split_in", ())),
        images_in=tuple(entry.get("images_in", ())),
    )
