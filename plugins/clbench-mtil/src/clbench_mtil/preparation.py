"""Fetches data sets and decodes their images once to the cache, data set by data set."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import torchvision.datasets
from clbench.errors import DataError
from clbench.streams import ImageSet, Preprocessing, Task, cache_root

from clbench_mtil.catalogue import DataSet, data_set

__all__ = ["CLIP_224", "cached", "check_room", "fetch", "image_sets", "needed"]

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
    return images._path("pixels", CLIP_224.digest, None).exists()


def needed(images: ImageSet) -> int:
    """Bytes that ``images`` will take in the cache."""
    return 0 if cached(images) else len(images) * 3 * CLIP_224.size**2


def check_room(folder: Path, size: int, what: str) -> None:
    """Raise :class:`DataError` unless ``size`` bytes fit on the disk of ``folder``."""
    place = folder
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if size > free:
        raise DataError(
            f"there is no room for {what} in {folder}",
            why=f"{size / 1e9:.1f} GB are needed, {free / 1e9:.1f} GB are free",
            fix=f"free disk space, or set {'CLBENCH_CACHE' if folder == cache_root() else 'CLBENCH_DATA'}",
        )
