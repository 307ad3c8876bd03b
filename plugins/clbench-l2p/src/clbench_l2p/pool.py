"""The pool: prompts, the keys by which they are found, and who picked them so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["PromptPool", "majority"]

_INITIAL = 0.01


class PromptPool:
    """M prompts of L_p tokens each, with a key for each prompt.

    A query picks the N prompts whose keys are nearest to it by cosine. Prompts and keys are drawn uniformly
    from [0, 0.01), as in the authors' code. Source: Wang et al., CVPR 2022, section 4.

    Args:
        size: M.
        length: L_p.
        width: of the tokens of the vision tower.
        query_width: of queries and keys.
        top_k: N.
        generator: seeded.
        device: where prompts and keys live.
    """

    def __init__(
        self,
        *,
        size: int,
        length: int,
        width: int,
        query_width: int,
        top_k: int,
        generator: torch.Generator,
        device: torch.device,
    ) -> None:
        self.top_k = top_k
        prompts = torch.empty(size, length, width).uniform_(0.0, _INITIAL, generator=generator)
        keys = torch.empty(size, query_width).uniform_(0.0, _INITIAL, generator=generator)
        self.prompts = nn.Parameter(prompts.to(device))
        self.keys = nn.Parameter(keys.to(device))
        self.counts = torch.zeros(size, dtype=torch.int64)

    def __len__(self) -> int:
        return len(self.prompts)

    def cosines(self, queries: Tensor) -> Tensor:
        """Cosine of queries (batch, q) of unit length and all keys, (batch, M), with gradient to the keys."""
        with torch.autocast(queries.device.type, enabled=False):
            return queries.float() @ F.normalize(self.keys, dim=-1).T

    def choose(self, cosines: Tensor, *, frequencies: Tensor | None = None) -> Tensor:
        """The N prompts of each image, int64 (batch, N), nearest first.

        Args:
            cosines: (batch, M).
            frequencies: (M,), how often each prompt was picked in earlier tasks; distances 1 - cosine are
                multiplied by them, so that prompts in use look farther away.
        """
        distances = 1.0 - cosines.detach()
        if frequencies is not None:
            distances = distances * frequencies.to(distances)
        return distances.topk(self.top_k, dim=-1, largest=False).indices

    def own(self, task: int) -> Tensor | None:
        """Prompts set aside for the task at 0-based position ``task``, (N,); ``None`` if none are left."""
        end = (task + 1) * self.top_k
        return None if end > len(self) else torch.arange(end - self.top_k, end, device=self.prompts.device)

    @torch.no_grad()
    def warm_start(self, task: int) -> None:
        """Copy the prompts of the task before to those set aside for this one; keys stay as they are."""
        before, now = (self.own(task - 1) if task else None), self.own(task)
        if before is not None and now is not None:
            self.prompts[now] = self.prompts[before].clone()

    @property
    def frequencies(self) -> Tensor | None:
        """Shares (M,) of the prompts among all picks of earlier tasks, each count raised by one; ``None``
        before anything was picked."""
        if not int(self.counts.sum()):
            return None
        raised = self.counts.double() + 1.0
        return (raised / raised.sum()).float()

    def count(self, chosen: Tensor) -> None:
        """Note picks (any shape) in the table of frequencies."""
        self.counts += torch.bincount(chosen.flatten().cpu(), minlength=len(self))

    def tokens(self, chosen: Tensor) -> Tensor:
        """Prompts (batch, N · L_p, width) of picks (batch, N), with gradient."""
        return self.prompts[chosen].flatten(1, 2)

    def state_dict(self) -> dict[str, Tensor]:
        return {
            "prompts": self.prompts.detach().clone(),
            "keys": self.keys.detach().clone(),
            "counts": self.counts.clone(),
        }

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.prompts.copy_(state["prompts"])
        self.keys.copy_(state["keys"])
        self.counts.copy_(state["counts"])


def majority(chosen: Tensor, size: int) -> Tensor:
    """Give all images of a batch the N prompts that were picked most often; (batch, N) → (batch, N).

    Ties go to the prompt with the lower number, as in the authors' code.
    """
    counts = torch.bincount(chosen.flatten(), minlength=size)
    order = torch.sort(counts, descending=True, stable=True).indices
    return order[: chosen.shape[1]].expand_as(chosen)
