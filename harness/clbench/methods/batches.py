"""Endless seeded batches from an image set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clbench.streams.images import ImageSet
from clbench.streams.preprocessing import Preprocessing

__all__ = ["Batch", "EndlessBatches"]


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


class EndlessBatches(Iterator[Batch]):
    """Batches for ever: each pass in a fresh random order, its last, smaller batch kept.

    With ``augment`` every view is a fresh random crop, otherwise the cached test view.

    Args:
        images: where they are from.
        size: images per batch.
        preprocessing: the backbone's.
        generator: decides order and crops.
        augment: see above.
        device: where batches go.
    """

    def __init__(
        self,
        images: ImageSet,
        size: int,
        preprocessing: Preprocessing,
        generator: torch.Generator,
        *,
        augment: bool,
        device: torch.device,
    ) -> None:
        self._images = images
        self._size = size
        self._preprocessing = preprocessing
        self._generator = generator
        self._augment = augment
        self._device = device
        self._order = torch.empty(0, dtype=torch.int64)  # of the current pass
        self._next = 0  # how many of it are taken

    def __next__(self) -> Batch:
        if self._next >= len(self._order):
            self._order, self._next = torch.randperm(len(self._images), generator=self._generator), 0
        chosen = self._order[self._next : self._next + self._size]
        self._next += len(chosen)
        return Batch(
            self._preprocessing.normalise(torch.from_numpy(self._views(chosen.numpy())).to(self._device)),
            torch.from_numpy(self._images.labels[chosen.numpy()]).to(self._device),
            chosen.clone(),
        )

    def state_dict(self) -> dict[str, Any]:
        """Where it is: the order of this pass, how much of it is taken, and the generator."""
        return {"order": self._order, "next": self._next, "generator": self._generator.get_state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where :meth:`state_dict` was called."""
        self._order, self._next = state["order"], int(state["next"])
        self._generator.set_state(state["generator"])

    @cached_property
    def _pixels(self) -> np.ndarray:
        return self._images.pixels(self._preprocessing)

    def _views(self, chosen: np.ndarray) -> np.ndarray:
        if self._augment:
            return self._images.crops(chosen, self._preprocessing, self._generator)
        return np.ascontiguousarray(self._pixels[chosen])
