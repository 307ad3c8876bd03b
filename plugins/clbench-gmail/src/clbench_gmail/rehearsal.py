"""Aligned embeddings of generated images, kept from task to task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

__all__ = ["Rehearsal", "RehearsalBatch"]


@dataclass(frozen=True)
class RehearsalBatch:
    """Embeddings to classify among the prompts that occur in the batch.

    Attributes:
        features: (batch, d) unit vectors.
        prompts: the distinct prompts, in order of first use.
        targets: (batch,) index into ``prompts``, on the features' device.
    """

    features: Tensor
    prompts: tuple[str, ...]
    targets: Tensor


class Rehearsal:
    """A growing list of embeddings (d numbers each), with the prompts that the images were made from."""

    def __init__(self) -> None:
        self._features: Tensor | None = None
        self._prompts: list[str] = []

    def __len__(self) -> int:
        return len(self._prompts)

    def add(self, features: Tensor, prompts: Sequence[str]) -> None:
        """Append (n, d) unit vectors and their n prompts."""
        if len(features) != len(prompts):
            raise ValueError(f"{len(features)} embeddings and {len(prompts)} prompts: one each")
        self._features = features if self._features is None else torch.cat([self._features, features])
        self._prompts += prompts

    def draw(self, size: int, generator: torch.Generator, *, most: int) -> RehearsalBatch:
        """Draw ``size`` of the first ``most`` embeddings, uniformly with replacement."""
        assert self._features is not None
        chosen = torch.randint(most, (size,), generator=generator)
        drawn = [self._prompts[i] for i in chosen.tolist()]
        prompts = tuple(dict.fromkeys(drawn))
        position = {prompt: i for i, prompt in enumerate(prompts)}
        device = self._features.device
        return RehearsalBatch(
            self._features[chosen.to(device)],
            prompts,
            torch.tensor([position[prompt] for prompt in drawn], device=device),
        )

    def state_dict(self) -> dict[str, Any]:
        return {"features": self._features, "prompts": list(self._prompts)}

    def load_state_dict(self, state: Mapping[str, Any], device: torch.device) -> None:
        features = state["features"]
        self._features = None if features is None else features.to(device)
        self._prompts = list(state["prompts"])
