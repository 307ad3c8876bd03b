"""Endless seeded batches from an image set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from clbench.streams.images import ImageSet
from clbench.streams.preprocessing import Preprocessing

__all__ = ["Batch", "endless_batches"]


@dataclass(frozen=True)
class Batch:
    """A batch on the method's device.

    Attributes:
        images: normalised, float32 (batch, 3, size, size).
        labels: int64 (batch,).
        indices: int64 (batch,): positions in the image set, on the CPU; keys for cached features.
    """

    images: Tensor
    labels: Tensor
    indices: Tensor

    def __len__(self) -> int:
        return len(self.labels)


def endless_batches(
    images: ImageSet,
    size: int,
    preprocessing: Preprocessing,
    generator: torch.Generator,
    *,
    augment: bool,
    device: torch.device,
) -> Iterator[Batch]:
    """Yield batches for ever: each pass in a fresh random order, its last, smaller batch kept.

    With ``augment`` every view is a fresh random crop, otherwise the cached test view.
    """
    pixels = None if augment else images.pixels(preprocessing)
    labels = images.labels
    while True:
        order = torch.randperm(len(images), generator=generator).numpy()
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            if pixels is None:
                views = images.crops(chosen, preprocessing, generator)
            else:
                views = np.ascontiguousarray(pixels[chosen])
            yield Batch(
                preprocessing.normalise(torch.from_numpy(views).to(device)),
                torch.from_numpy(labels[chosen]).to(device),
                torch.from_numpy(chosen),
            )
