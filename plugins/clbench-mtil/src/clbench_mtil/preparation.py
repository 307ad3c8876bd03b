"""Fetches data sets and decodes their images once to the cache, data set by data set."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import torchvision.datasets
from clbench.errors import DataError
from clbench.streams import ImageSet, Preprocessing, Task
from clbench.streams.disk import check_room

from clbench_mtil.catalogue import DataSet, data_set

__all__ = ["ALL_PARTS", "CLIP_224", "absent_files", "fetch", "image_sets"]

CLIP_224 = Preprocessing(
    size=224,
    mean=(0.48145466, 0.4578275, 0.40821073),
    std=(0.26862954, 0.26130258, 0.27577711),
)
"""The input of CLIP's ViT-B/16 and ViT-B/32."""


ALL_PARTS = ("test", "train", "validation")
"""Of a task."""


def fetch(entry: DataSet, root: Path) -> None:
    """Let torchvision fetch a data set; it checks what it gets.

    Raises:
        DataError: it cannot be fetched.
    """
    if not entry.download_gb:
        raise DataError(
            f"torchvision cannot fetch {entry.title}", fix="`clbench doctor mtil` says where it is"
        )
    check_room(root, int(entry.download_gb * 2e9), "the archive and what is in it")
    try:
        getattr(torchvision.datasets, entry.torchvision)(root, download=True)
    except Exception as error:
        # whatever a broken connection or a damaged archive leads to
        raise DataError(
            f"{entry.title} could not be fetched to {root}",
            why=f"{type(error).__name__}: {error}",
            fix="run the command again; remove the archive if it is damaged",
        ) from error
    missing = data_set(entry.key).missing(root)
    if missing:
        raise DataError(
            f"{entry.title} was fetched, but there is no {missing[0]}", fix="run the command again"
        )


def image_sets(task: Task, parts: Sequence[str]) -> Iterator[ImageSet]:
    """Those of a task's image sets that are wanted."""
    for part in parts:
        images = getattr(task, part)
        if images is not None:
            yield images


def absent_files(images: ImageSet) -> list[str]:
    """The paths of those images that are files and are not there."""
    return [path for path in images.files() if not os.path.isfile(path)]  # noqa: PTH113 (a hundred thousand)
