"""The pool of prompts: keys and values for each task and each prompted layer of both towers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from operator import attrgetter
from typing import Any

import torch
from clbench.errors import MethodError
from torch import Tensor, nn

from clbench_diki.attention import Injection, ResidualAttention

__all__ = ["PromptPool", "Prompts"]

Prompts = Mapping[str, Tensor]
"""By layer: keys and values (2, slots, width), or (batch, 2, slots, width) for prompts of each sample."""


class PromptPool:
    """Prompts of all tasks, and the layers of a model that they are injected into.

    Each of the first ``depth`` blocks of either tower has a tensor (tasks, 2, slots, width): index 0 holds
    keys, drawn uniformly from [-1, 1), index 1 values, which start at zero. A task that was not learned is
    therefore inert. Names are those of the authors' checkpoints: ``….attn.prefix_pool``.

    Args:
        model: an open_clip model; the attention layers concerned are replaced in place.
        tasks: number of tasks T.
        depth: prompted blocks in each tower, at most as many as the tower has.
        slots: prompt length L.
        generator: name → seeded CPU generator.

    Raises:
        MethodError: a tower is not a transformer of open_clip's own make.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        tasks: int,
        depth: int,
        slots: int,
        generator: Callable[[str], torch.Generator],
    ) -> None:
        self.tasks = tasks
        self._layers: dict[str, ResidualAttention] = {}
        for prefix, tower in _towers(model).items():
            for index, block in enumerate(tower[:depth]):
                block.attn = ResidualAttention(block.attn)
                self._layers[f"{prefix}.{index}.attn.prefix_pool"] = block.attn
        self._pools = {
            name: torch.zeros(tasks, 2, slots, layer.width) for name, layer in self._layers.items()
        }
        for task in range(tasks):
            # A generator for each task: its keys do not depend on how many tasks there are.
            random = generator(f"prompts/{task}")
            for pool in self._pools.values():
                pool[task, 0].uniform_(-1.0, 1.0, generator=random)
        device = next(model.parameters()).device
        self._pools = {name: pool.to(device) for name, pool in self._pools.items()}

    def of_task(self, task: int) -> dict[str, Tensor]:
        """The prompts of one task, each (2, slots, width)."""
        return {name: pool[task] for name, pool in self._pools.items()}

    def of_samples(self, tasks: Tensor) -> dict[str, Tensor]:
        """The prompts of each sample's task, each (batch, 2, slots, width); ``tasks`` is int64 (batch,)."""
        return {name: pool[tasks.to(pool.device)] for name, pool in self._pools.items()}

    def write(self, task: int, prompts: Prompts) -> None:
        """Replace one task's prompts; all others stay as they are."""
        for name, pool in self._pools.items():
            pool[task] = prompts[name].detach()

    @contextmanager
    def injected(self, prompts: Prompts, weight: float | Tensor = 1.0) -> Iterator[None]:
        """Inject prompts into the layers while the block runs.

        Args:
            prompts: by layer.
            weight: a number, or (batch,) for a weight of each sample.
        """
        try:
            for name, layer in self._layers.items():
                keys, values = prompts[name].unbind(dim=-3)
                layer.injection = Injection(keys, values, weight)
            yield
        finally:
            for layer in self._layers.values():
                layer.injection = None

    def state_dict(self) -> dict[str, Tensor]:
        """All prompts, by the layer's name in the model."""
        return {name: pool.detach().clone() for name, pool in self._pools.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned.

        Raises:
            MethodError: layers or shapes are others.
        """
        have = {name: tuple(pool.shape) for name, pool in self._pools.items()}
        given = {name: tuple(pool.shape) for name, pool in state.items()}
        if have != given:
            different = sorted(n for n in have.keys() | given.keys() if have.get(n) != given.get(n))
            raise MethodError(
                "the saved prompts do not fit this model and these settings",
                why="; ".join(f"{n}: saved {given.get(n)}, here {have.get(n)}" for n in different[:3]),
                fix="load them with the backbone, stream, diki.depth and diki.length they were learned with",
            )
        for name, pool in self._pools.items():
            pool.copy_(state[name])


def _towers(model: Any) -> dict[str, Any]:
    """Blocks of the vision and the text tower by their names in the model."""
    text = "text." if hasattr(model, "text") else ""  # open_clip's CustomTextCLIP keeps a tower of its own
    towers = {}
    for name in ("visual.transformer.resblocks", f"{text}transformer.resblocks"):
        try:
            blocks = towers[name] = attrgetter(name)(model)
        except AttributeError:
            blocks = ()
        if not blocks or not all(hasattr(block, "attn") for block in blocks):
            raise MethodError(
                f"DIKI finds no transformer blocks at {name}",
                why="it injects prompts into the attention of both towers",
                fix="choose a backbone whose towers are open_clip's own transformers, such as ViT-B-16",
            )
    return towers
