"""iCaRL's memory: a few images of every class, chosen by herding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from clbench import Batch, Preprocessing
from torch import Tensor

__all__ = ["ExemplarBatches", "ExemplarMemory", "herding"]


@torch.no_grad()
def herding(features: Tensor, count: int) -> Tensor:
    """Choose images whose mean embedding stays nearest to that of all, one after the other.

    Image k is the one that brings ``(φ(p_1) + … + φ(p_k)) / k`` nearest to the mean of all embeddings; none
    is taken twice. So the first images of the choice are themselves the choice of so many. Source: Rebuffi
    et al., iCaRL, CVPR 2017, Algorithm 4.

    Args:
        features: embeddings of a class's images, (n, d), of unit length.
        count: how many to choose; at most n are.

    Returns:
        Their indices in the order of choice, int64, on the CPU.
    """
    features = features.double()
    mean, total = features.mean(dim=0), torch.zeros_like(features[0])
    free = torch.ones(len(features), dtype=torch.bool, device=features.device)
    chosen: list[int] = []
    for k in range(1, min(count, len(features)) + 1):
        distances = (mean - (total + features) / k).square().sum(dim=1)
        best = int(distances.masked_fill(~free, torch.inf).argmin())
        free[best] = False
        total += features[best]
        chosen.append(best)
    return torch.tensor(chosen, dtype=torch.int64)


class ExemplarMemory:
    """Images of the classes learned so far, as uint8 pixels of the model's size, in the order of herding.

    All classes share the capacity alike, ``capacity // classes`` images each; what is left over goes to the
    classes learned first, one image each.

    Args:
        capacity: number of images in all.

    Attributes:
        prompts: the training prompt of each class.
        pixels: per class its exemplars, uint8 (k, 3, size, size), on the CPU.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.prompts: list[str] = []
        self.pixels: list[Tensor] = []

    def __len__(self) -> int:
        return sum(len(p) for p in self.pixels)

    def share(self, position: int, classes: int) -> int:
        """Number of images for the class at ``position`` when there are so many ``classes``."""
        return self.capacity // classes + (position < self.capacity % classes)

    def make_room(self, classes: int) -> None:
        """Shorten every class to its share, when there will be so many classes."""
        self.pixels = [p[: self.share(i, classes)].clone() for i, p in enumerate(self.pixels)]

    def add(self, prompt: str, pixels: Tensor) -> None:
        """Take in a class: its training prompt and its exemplars in the order of herding."""
        self.prompts.append(prompt)
        self.pixels.append(pixels)

    def all_pixels(self) -> Tensor:
        """All exemplars, uint8 (n, 3, size, size), class by class."""
        return torch.cat(self.pixels)

    def owners(self) -> Tensor:
        """The class of each exemplar, int64 (n,), an index into ``prompts``."""
        return torch.repeat_interleave(torch.tensor([len(p) for p in self.pixels]))

    def batches(
        self, size: int, preprocessing: Preprocessing, generator: torch.Generator, device: torch.device
    ) -> ExemplarBatches:
        """Endless batches: each pass in a fresh random order, its last, smaller batch kept."""
        return ExemplarBatches(self.all_pixels(), self.owners(), size, preprocessing, generator, device)

    def state_dict(self) -> dict[str, Any]:
        """Prompts and pixels."""
        return {"prompts": list(self.prompts), "pixels": list(self.pixels)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        prompts: Sequence[str] = state["prompts"]
        self.prompts = list(prompts)
        self.pixels = [p.cpu() for p in state["pixels"]]


class ExemplarBatches(Iterator[Batch]):
    """What :meth:`ExemplarMemory.batches` returns."""

    def __init__(
        self,
        pixels: Tensor,
        owners: Tensor,
        size: int,
        preprocessing: Preprocessing,
        generator: torch.Generator,
        device: torch.device,
    ) -> None:
        self._pixels, self._owners, self._size = pixels, owners, size
        self._preprocessing, self._generator, self._device = preprocessing, generator, device
        self._left: list[Tensor] = []  # of the current pass

    def __next__(self) -> Batch:
        if not self._left:
            order = torch.randperm(len(self._pixels), generator=self._generator)
            self._left = list(torch.split(order, self._size))
        chosen = self._left.pop(0)
        images = self._preprocessing.normalise(self._pixels[chosen].to(self._device))
        return Batch(images, self._owners[chosen].to(self._device), chosen)

    def state_dict(self) -> dict[str, Any]:
        """What is left of this pass, and the generator."""
        return {"left": list(self._left), "generator": self._generator.get_state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where :meth:`state_dict` was called."""
        self._left = list(state["left"])
        self._generator.set_state(state["generator"])
