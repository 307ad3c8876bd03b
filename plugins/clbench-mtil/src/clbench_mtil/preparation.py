"""What of a task is decoded to the cache before a run, and for which input."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from clbench.streams import ImageSet, Preprocessing, Task

__all__ = ["ALL_PARTS", "CLIP_224", "absent_files", "image_sets"]

CLIP_224 = Preprocessing(
    size=224,
    mean=(0.48145466, 0.4578275, 0.40821073),
    std=(0.26862954, 0.26130258, 0.27577711),
)
"""The input of CLIP's ViT-B/16 and ViT-B/32."""


ALL_PARTS = ("test", "train", "validation")
"""Of a task."""


def image_sets(task: Task, parts: Sequence[str]) -> Iterator[ImageSet]:
    """Those of a task's image sets that are wanted."""
    for part in parts:
        images = getattr(task, part)
        if images is not None:
            yield images


def absent_files(images: ImageSet) -> list[str]:
    """The paths of those images that are files and are not there."""
    return [path for path in images.files() if not os.path.isfile(path)]  # noqa: PTH113 (a hundred thousand)
