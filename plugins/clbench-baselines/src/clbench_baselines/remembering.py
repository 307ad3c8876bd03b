"""Which images iCaRL keeps: by data set as ZSCL's authors, or by class as its first paper."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from clbench_baselines.exemplars import ExemplarMemory, Group, herding
from clbench_baselines.settings import ICaRLSettings

__all__ = ["class_shares", "data_set_shares", "remember"]


def data_set_shares(memory: int, data_sets: int, *, exceeding: bool) -> tuple[int, int]:
    """Room of each earlier data set, and of the newest, when ``data_sets`` have been learned.

    Source: mtil/src/models/icarl.py and mtil/src/dynamic_dataset.py of Thunderbeee/ZSCL (commit b96e714).

    Args:
        memory: images to keep in all.
        data_sets: t, how many have been learned, the newest among them.
        exceeding: the newest gets ``memory - memory // t``, as in the authors' code, with which more than
            ``memory`` images are kept from the third data set on; else what the earlier ones leave.
    """
    if data_sets == 1:
        return 0, memory
    each = memory // data_sets
    return each, memory - each * (1 if exceeding else data_sets - 1)


def class_shares(memory: int, classes: int) -> list[int]:
    """Room of each class: all alike, what is left over to the classes learned first, one image each."""
    return [memory // classes + (position < memory % classes) for position in range(classes)]


def remember(
    memory: ExemplarMemory,
    settings: ICaRLSettings,
    *,
    labels: Tensor,
    prompts: Sequence[str],
    pixels: Callable[[Tensor], Tensor],
    embed: Callable[[Tensor], Tensor],
) -> None:
    """Take images of a task that has been learned into ``memory``, in room that earlier ones make.

    Args:
        memory: changed in place.
        settings: capacity and rule.
        labels: int64 (n,), classes of the candidates, indices into ``prompts``.
        prompts: training prompts of the task's classes.
        pixels: indices of candidates (k,) → uint8 (k, 3, size, size).
        embed: indices of candidates (k,) → embeddings (k, d) of unit length.
    """
    offset = len(memory.prompts)
    first = not memory.groups
    memory.prompts += prompts
    if settings.groups == "classes":
        shares = class_shares(settings.memory, len(memory.prompts))
        memory.shrink(shares[:offset])
        parts = [(torch.nonzero(labels == c).flatten(), shares[offset + c]) for c in range(len(prompts))]
    else:
        earlier, newest = data_set_shares(
            settings.memory, len(memory.groups) + 1, exceeding=settings.newest == "exceeding"
        )
        memory.shrink([earlier] * len(memory.groups))
        parts = [(torch.arange(len(labels)), newest)]
    in_order = settings.groups == "data_sets" and first and settings.first_data_set == "in_order"
    for own, room in parts:
        as_they_come = in_order or not room or not len(own)
        chosen = own[:room] if as_they_come else own[herding(embed(own), room)]
        memory.groups.append(Group(pixels(chosen), labels[chosen] + offset))
