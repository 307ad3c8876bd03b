"""iCaRL's memory: images of earlier tasks, in groups that share its room."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from clbench import Batch, Preprocessing
from torch import Tensor

__all__ = ["ExemplarBatches", "ExemplarMemory", "Group", "herding"]


@torch.no_grad()
def herding(features: Tensor, count: int) -> Tensor:
    """Choose images whose mean embedding stays nearest to that of all, one after the other.

    Image k is the one that brings ``(φ(p_1) + … + φ(p_k)) / k`` nearest to the mean of all embeddings; none
    is taken twice. So the first images of the choice are themselves the choice of so many. Source: Rebuffi
    et al., iCaRL, CVPR 2017, Algorithm 4.

    Args:
        features: embeddings of the images, (n, d), of unit length.
        count: how many to choose; at most n are.

    Returns:
        Their indices in the order of choice, int64, on the CPU.
    """
    features = features.double()
    mean, total = features.mean(dim=0), torch.zeros_like(features[0])
    squares = features.square().sum(dim=1)
    free = torch.ones(len(features), dtype=torch.bool, device=features.device)
    chosen: list[int] = []
    for k in range(1, min(count, len(features)) + 1):
        # ‖(total + φ) / k - mean‖², times k², less what all images share: one product with a vector.
        distances = squares + 2.0 * (features @ (total - k * mean))
        best = int(distances.masked_fill(~free, torch.inf).argmin())
        free[best] = False
        total += features[best]
        chosen.append(best)
    return torch.tensor(chosen, dtype=torch.int64)


@dataclass(frozen=True, slots=True)
class Group:
    """Images that were chosen together: those of a data set, or of a class.

    Attributes:
        pixels: uint8 (k, 3, size, size), on the CPU, in the order of choice: a group that must shrink keeps
            its first images.
        owners: int64 (k,), the class of each, an index into the memory's prompts.
    """

    pixels: Tensor
    owners: Tensor

    def first(self, count: int) -> Group:
        """Its first images, in memory of their own."""
        return Group(self.pixels[:count].clone(), self.owners[:count].clone())


class ExemplarMemory:
    """Images of the classes learned so far, as uint8 pixels of the model's size, group after group.

    Attributes:
        prompts: the training prompt of each class.
        groups: data sets or classes, in the order in which they were learned.
    """

    def __init__(self) -> None:
        self.prompts: list[str] = []
        self.groups: list[Group] = []

    def __len__(self) -> int:
        return sum(len(g.pixels) for g in self.groups)

    def shrink(self, sizes: list[int]) -> None:
        """Keep of each group its first images, as many as ``sizes`` has for it."""
        self.groups = [g.first(size) for g, size in zip(self.groups, sizes, strict=True)]

    def all_pixels(self) -> Tensor:
        """All exemplars, uint8 (n, 3, size, size), group by group."""
        return torch.cat([g.pixels for g in self.groups])

    def owners(self) -> Tensor:
        """The class of each exemplar, int64 (n,), an index into ``prompts``."""
        return torch.cat([g.owners for g in self.groups])

    def batches(
        self,
        size: int,
        preprocessing: Preprocessing,
        device: torch.device,
        *,
        generator: torch.Generator | None = None,
    ) -> ExemplarBatches:
        """Endless batches, the last, smaller one of each pass kept.

        Args:
            size: images of a batch.
            preprocessing: turns pixels into the model's input.
            device: of the batches.
            generator: draws a fresh order for each pass; without it, every pass is in the memory's order.
        """
        return ExemplarBatches(self.all_pixels(), self.owners(), size, preprocessing, generator, device)

    def state_dict(self) -> dict[str, Any]:
        """Prompts, pixels and the class of each image."""
        return {
            "prompts": list(self.prompts),
            "pixels": [g.pixels for g in self.groups],
            "owners": [g.owners for g in self.groups],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.prompts = list(state["prompts"])
        self.groups = [
            Group(pixels.cpu(), owners.cpu())
            for pixels, owners in zip(state["pixels"], state["owners"], strict=True)
        ]


class ExemplarBatches(Iterator[Batch]):
    """What :meth:`ExemplarMemory.batches` returns."""

    def __init__(
        self,
        pixels: Tensor,
        owners: Tensor,
        size: int,
        preprocessing: Preprocessing,
        generator: torch.Generator | None,
        device: torch.device,
    ) -> None:
        self._pixels, self._owners, self._size = pixels, owners, size
        self._preprocessing, self._generator, self._device = preprocessing, generator, device
        self._left: list[Tensor] = []  # of the current pass

    def __next__(self) -> Batch:
        if not self._left:
            count, generator = len(self._pixels), self._generator
            order = torch.arange(count) if generator is None else torch.randperm(count, generator=generator)
            self._left = list(torch.split(order, self._size))
        chosen = self._left.pop(0)
        images = self._preprocessing.normalise(self._pixels[chosen].to(self._device))
        return Batch(images, self._owners[chosen].to(self._device), chosen)

    def state_dict(self) -> dict[str, Any]:
        """What is left of this pass, and the generator."""
        drawn = None if self._generator is None else self._generator.get_state()
        return {"left": list(self._left), "generator": drawn}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where :meth:`state_dict` was called."""
        self._left = list(state["left"])
        if self._generator is not None:
            self._generator.set_state(state["generator"])
