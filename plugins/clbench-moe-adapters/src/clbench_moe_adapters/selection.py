"""Distribution-discriminative auto-selection: which task's routers an image gets, or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from clbench_moe_adapters.autoencoder import Autoencoder

__all__ = ["CLIP", "REFERENCE", "Entry", "TaskSelector", "select_batch", "select_each"]

REFERENCE = -1
"""Key of the autoencoder of the reference data."""
CLIP = -1
"""The choice to leave an image to the original CLIP."""


@dataclass(frozen=True)
class Entry:
    """An autoencoder, and the largest error at which it is believed."""

    autoencoder: Autoencoder
    threshold: float


def select_batch(errors: Tensor, keys: list[int], thresholds: Tensor) -> int:
    """One task for a whole batch: that of the lowest mean error, of equal ones the first.

    :data:`CLIP` where the winner is the reference data, or its mean error is above its threshold.

    Args:
        errors: (batch, entries).
        keys: the entries' tasks, or :data:`REFERENCE`.
        thresholds: (entries,).
    """
    return int(select_each(errors.mean(dim=0, keepdim=True), keys, thresholds))


def select_each(errors: Tensor, keys: list[int], thresholds: Tensor) -> Tensor:
    """As :func:`select_batch` for each image by itself: int64 (batch,)."""
    best, winner = errors.min(dim=1)
    chosen = torch.tensor(keys, device=errors.device)[winner]
    known = (chosen != REFERENCE) & (best <= thresholds.to(best)[winner])
    return torch.where(known, chosen, CLIP)


class TaskSelector:
    """The autoencoders of the reference data and of each learned task.

    Source: Yu et al., CVPR 2024 (DDAS); the decision for a whole batch is the authors' code's.
    """

    def __init__(self) -> None:
        self._entries: dict[int, Entry] = {}

    def __contains__(self, key: int) -> bool:
        return key in self._entries

    @property
    def tasks(self) -> list[int]:
        """Tasks that have an autoencoder."""
        return sorted(key for key in self._entries if key != REFERENCE)

    def add(self, key: int, entry: Entry) -> None:
        """Put in, or replace, the entry of a task or of :data:`REFERENCE`."""
        self._entries[key] = entry

    def select(self, x: Tensor, *, per_sample: bool) -> Tensor:
        """Tasks for features (batch, D): int64 (batch,), :data:`CLIP` for none."""
        keys = sorted(self._entries)
        errors = torch.stack([self._entries[key].autoencoder.errors(x) for key in keys], dim=1)
        thresholds = torch.tensor([self._entries[key].threshold for key in keys])
        if per_sample:
            return select_each(errors, keys, thresholds)
        return torch.full((len(x),), select_batch(errors, keys, thresholds), device=x.device)

    def state_dict(self) -> dict[str, Any]:
        """By key: weights and threshold."""
        return {
            str(key): {
                "weights": {n: v.detach().clone() for n, v in entry.autoencoder.state_dict().items()},
                "threshold": entry.threshold,
            }
            for key, entry in self._entries.items()
        }

    def load_state_dict(self, state: Mapping[str, Any], device: torch.device) -> None:
        """Replace all entries by what :meth:`state_dict` returned."""
        self._entries = {}
        for key, saved in state.items():
            code, width = saved["weights"]["encoder.weight"].shape
            autoencoder = Autoencoder(width, code)
            autoencoder.load_state_dict(saved["weights"])
            autoencoder.to(device).requires_grad_(False)
            self._entries[int(key)] = Entry(autoencoder, float(saved["threshold"]))
