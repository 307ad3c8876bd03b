"""Which test images share a batch: a method that infers the task from its batch scores by it.

* ``natural``: one task's images after another, as every paper does; a batch gives its task away.
* ``mixed``: images of all tasks, shuffled.
* ``single``: every image by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from clbench.config.runconfig import Composition

__all__ = ["TestBatch", "compose"]


@dataclass(frozen=True)
class TestBatch:
    """Images that are scored together.

    Attributes:
        tasks: int64 (n,): index of each image's task.
        images: int64 (n,): index of each image within its task's test images.
    """

    tasks: np.ndarray
    images: np.ndarray

    __test__ = False  # no test class, whatever its name says

    def __len__(self) -> int:
        return len(self.tasks)

    @property
    def parts(self) -> list[tuple[int, np.ndarray]]:
        """(task, positions in the batch), a pair for each task that has images in it."""
        return [(int(j), np.flatnonzero(self.tasks == j)) for j in np.unique(self.tasks)]


def compose(
    counts: Mapping[int, int], batch: int, composition: Composition = "natural", seed: int = 0
) -> Iterator[TestBatch]:
    """Divide test images into batches; every image is in exactly one.

    Args:
        counts: number of test images by index of the task.
        batch: images per batch; smaller where a task (``natural``) or all images (``mixed``) end.
        composition: see above; ``single`` takes no account of ``batch``.
        seed: of the order of ``mixed``.
    """
    groups = [
        TestBatch(np.full(n, j, dtype=np.int64), np.arange(n, dtype=np.int64)) for j, n in counts.items()
    ]
    if composition == "mixed" and groups:
        order = np.random.default_rng(seed).permutation(sum(map(len, groups)))
        groups = [
            TestBatch(
                np.concatenate([group.tasks for group in groups])[order],
                np.concatenate([group.images for group in groups])[order],
            )
        ]
    size = 1 if composition == "single" else batch
    for group in groups:
        for start in range(0, len(group), size):
            yield TestBatch(group.tasks[start : start + size], group.images[start : start + size])
