"""Fetches data sets and decodes their images once to the cache, data set by data set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torchvision.datasets
from clbench.errors import DataError
from clbench.streams import ImageSet, Preprocessing, Task
from clbench.streams.disk import check_room

from clbench_mtil.catalogue import DataSet, data_set

__all__ = ["CLIP_224", "cached", "fetch", "image_sets", "needed"]

CLIP_224 = Preprocessing(
    size=224,
    mean=(0.48145466, 0.4578275, 0.40821073),
    std=(0.26862954, 0.26130258, 0.27577711),
)
"""The input of CLIP's ViT-B/16 and ViT-B/32."""


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


def cached(images: ImageSet) -> bool:
    """Whether all of ``images`` are decoded in the cache already."""
    return images.pixel_file(CLIP_224).whole


def needed(images: ImageSet) -> int:
    """Bytes that ``images`` have still to be given in the cache."""
    return images.pixel_file(CLIP_224).missing_bytes
