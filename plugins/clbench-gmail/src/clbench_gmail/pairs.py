"""Which images are generated for a task, and which real image each one is paired with."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

__all__ = ["Partners", "image_classes", "image_seeds"]

_SEED_STRIDE = 10_000_000


class Partners:
    """Real training images to pair generated ones with, by class.

    Args:
        labels: (n,) classes of the training images.

    Attributes:
        classes: those with at least one image, ascending.
    """

    def __init__(self, labels: np.ndarray) -> None:
        ids = torch.from_numpy(np.asarray(labels, dtype=np.int64))
        self._order = ids.argsort(stable=True)
        self._counts = ids.bincount()
        self._starts = self._counts.cumsum(0) - self._counts
        self.classes: tuple[int, ...] = tuple(self._counts.nonzero()[:, 0].tolist())

    def draw(self, classes: Tensor, generator: torch.Generator) -> Tensor:
        """Draw a real image of each class, uniformly: (batch,) positions in the training set, on the CPU.

        Args:
            classes: (batch,) on the CPU; only those in :attr:`classes`.
            generator: of the CPU.
        """
        # In float64, so that u < 1 stays below the count however large it is.
        u = torch.rand(len(classes), generator=generator, dtype=torch.float64)
        within = (u * self._counts[classes]).long()
        return self._order[self._starts[classes] + within]


def image_classes(classes: tuple[int, ...], count: int, *, seed: int) -> tuple[int, ...]:
    """Return the class of each of ``count`` images: all classes in turn, in an order that ``seed`` decides."""
    order = np.random.default_rng(seed).permutation(len(classes))
    return tuple(classes[order[j % len(classes)]] for j in range(count))


def image_seeds(count: int, *, seed: int) -> tuple[int, ...]:
    """Return the images' seeds, the same for every task: prompts tell these apart, whatever the order of tasks."""
    return tuple(range(_SEED_STRIDE * seed, _SEED_STRIDE * seed + count))
