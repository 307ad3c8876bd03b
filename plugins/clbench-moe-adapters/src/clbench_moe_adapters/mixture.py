"""All adapters and routers of a model: put into its blocks, trained for a task, frozen after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from operator import attrgetter
from typing import Any

import torch
from clbench import MethodError
from torch import Tensor, nn

from clbench_moe_adapters.blocks import AdaptedBlock, Adapter, Route

__all__ = ["AdapterMixture", "UsageCounters"]


class AdapterMixture:
    """Adapters in every block of one or both towers, with a router and a noise matrix per task.

    Args:
        model: an open_clip model; its blocks are replaced in place.
        tasks: number of tasks.
        experts, top_k: adapters per block, and how many of them work on a sequence.
        bottleneck, scale, dropout: of an adapter.
        towers: ``both`` or ``vision``.
        generator: for the adapters' first weights.

    Raises:
        MethodError: a tower is not a transformer of open_clip's own make.

    Attributes:
        blocks: by name in the model, vision first.
        counters: of how often each expert has worked in this training.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        tasks: int,
        experts: int,
        top_k: int,
        bottleneck: int,
        scale: float,
        dropout: float,
        towers: str,
        generator: torch.Generator,
    ) -> None:
        device = next(model.parameters()).device
        adapter = partial(Adapter, bottleneck=bottleneck, scale=scale, dropout=dropout, generator=generator)
        self.blocks: dict[str, AdaptedBlock] = {}
        for name, tower in _towers(model, towers).items():
            for index, block in enumerate(tower):
                adapted = AdaptedBlock(block, tasks=tasks, experts=experts, top_k=top_k, adapter=adapter)
                tower[index] = self.blocks[f"{name}.{index}"] = adapted.to(device)
        self.counters = UsageCounters(self.blocks)
        self.tasks = tasks
        self._parameters = {
            f"{name}.{inner}": parameter
            for name, block in self.blocks.items()
            for inner, parameter in block.named_parameters()
            if inner.startswith(("adaptmlp_list.", "router_list.", "w_noise_list."))
        }
        for parameter in self._parameters.values():
            parameter.requires_grad_(False)

    @contextmanager
    def routed(
        self, task: int, *, training: bool = False, text_length: int | None = None, weigh: bool = False
    ) -> Iterator[None]:
        """Put a task's routers to work while the block runs; outside of it the model is CLIP.

        The arguments are those of :class:`Route`.
        """
        try:
            for block in self.blocks.values():
                block.route = Route(task, training, text_length, weigh)
            yield
        finally:
            for block in self.blocks.values():
                block.route = None

    @contextmanager
    def trainable(self, task: int) -> Iterator[list[nn.Parameter]]:
        """Let a task's routers and all experts that are not frozen take gradients; yields them.

        Usage is counted anew.
        """
        chosen: list[nn.Parameter] = []
        for block in self.blocks.values():
            block.usage = [0] * len(block.usage)
            chosen += (block.router_list[task], block.w_noise_list[task])
            for index, expert in enumerate(block.adaptmlp_list):
                if index not in block.frozen:
                    chosen += expert.parameters()
        try:
            for parameter in chosen:
                parameter.requires_grad_(True)
            yield chosen
        finally:
            for parameter in chosen:
                parameter.requires_grad_(False)

    def imbalances(self) -> Tensor:
        """The sum over all blocks of how unevenly the last forward passes burdened the experts; a scalar."""
        return torch.stack([b.imbalance for b in self.blocks.values() if b.imbalance is not None]).sum()

    def freeze_most_used(self, count: int, *, free: bool = False) -> None:
        """Freeze for good the ``count`` experts of each block that worked most since training began.

        An expert that is frozen already counts among them, as in the authors' code, but where ``free`` ones
        alone do; of equal ones the first.
        """
        for block in self.blocks.values():
            order = sorted(range(len(block.usage)), key=lambda e: -block.usage[e])
            block.frozen |= set([e for e in order if not (free and e in block.frozen)][:count])

    def state_dict(self) -> dict[str, Any]:
        """Adapters and routers by name in the model, and the frozen experts of each block."""
        return {
            "parameters": {name: p.detach().clone() for name, p in self._parameters.items()},
            "frozen": {name: sorted(block.frozen) for name, block in self.blocks.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned.

        Raises:
            MethodError: names or shapes are others.
        """
        have = {name: tuple(p.shape) for name, p in self._parameters.items()}
        given: dict[str, tuple[int, ...]] = {n: tuple(p.shape) for n, p in state["parameters"].items()}
        if have != given:
            different = sorted(n for n in have.keys() | given.keys() if have.get(n) != given.get(n))
            raise MethodError(
                "the saved adapters do not fit this model and these settings",
                why="; ".join(f"{n}: saved {given.get(n)}, here {have.get(n)}" for n in different[:3]),
                fix="load them with the backbone, stream and settings they were learned with",
            )
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                values: Tensor = state["parameters"][name]
                parameter.copy_(values)
        for name, block in self.blocks.items():
            block.frozen = set(state["frozen"][name])


class UsageCounters:
    """How many sequences each expert of each block has worked on since training began."""

    def __init__(self, blocks: Mapping[str, AdaptedBlock]) -> None:
        self._blocks = blocks

    def state_dict(self) -> dict[str, Any]:
        """The counts by block."""
        return {name: list(block.usage) for name, block in self._blocks.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        for name, block in self._blocks.items():
            block.usage = list(state[name])


def _towers(model: Any, towers: str) -> dict[str, Any]:
    """Blocks of the towers by their names in the model."""
    text = "text." if hasattr(model, "text") else ""  # open_clip's CustomTextCLIP keeps a tower of its own
    names = ["visual.transformer.resblocks"]
    if towers == "both":
        names.append(f"{text}transformer.resblocks")
    found = {}
    for name in names:
        try:
            blocks = attrgetter(name)(model)
        except AttributeError:
            blocks = None
        if not isinstance(blocks, nn.ModuleList) or len(blocks) == 0:
            raise MethodError(
                f"MoE-Adapters finds no transformer blocks at {name}",
                why="it puts adapters into every block of the towers",
                fix="choose a backbone whose towers are open_clip's own transformers, such as ViT-B-16",
            )
        found[name] = blocks
    return found
