"""The middle of an optimisation, kept so that a killed run need not learn its task from the beginning.

A method's ``learn`` is run again from its first line, with the state after the task before, as it would be
without all this; :meth:`clbench.methods.Context.fit` then puts what its steps have changed where it was and
goes on with the step that follows. What steps change is: the parameters and the optimiser, random states,
the positions of the batches, and what the method names.
"""

from __future__ import annotations

import random
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch

from clbench.methods.fit import Loop

__all__ = ["Middle", "Source", "Sources", "Stateful", "StepStore", "WeakGenerator"]


@runtime_checkable
class Stateful(Protocol):
    """Something whose state can be taken and put back: plain values and tensors, as of a method."""

    def state_dict(self) -> dict[str, Any]:
        """What later calls depend on."""
        ...

    def load_state_dict(self, state: Mapping[str, Any], /) -> Any:
        """Put back what :meth:`state_dict` returned."""
        ...


class StepStore(Protocol):
    """Where the middle of an optimisation is kept; whoever builds a context may give it one.

    ``moment`` is :attr:`clbench.methods.Context.moment`, ``fit`` counts the calls of ``context.fit`` since
    it began, ``form`` is equal for equal optimisations.
    """

    def load(self, moment: str, fit: int, form: str) -> Mapping[str, Any] | None:
        """What was saved last of this optimisation, or ``None``; called as it begins."""
        ...

    def due(self, steps: int, size: int) -> bool:
        """Whether to save now, ``steps`` after the last time (or the begin), some ``size`` bytes."""
        ...

    def save(self, moment: str, fit: int, form: str, state: Mapping[str, Any]) -> None:
        """Keep ``state``, of plain values and tensors, in place of what was kept before."""
        ...


class WeakGenerator(torch.Generator):
    """A generator that can be referred to weakly; torch 2.11's own cannot."""


class _Generator:
    def __init__(self, generator: torch.Generator) -> None:
        self._generator = generator

    def state_dict(self) -> dict[str, Any]:
        return {"state": self._generator.get_state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._generator.set_state(state["state"])


Source = TypeVar("Source", bound=torch.Generator | Stateful)


class Sources:
    """Generators and batches that a context has handed out since a moment began, while they live."""

    def __init__(self) -> None:
        self._handed_out: list[tuple[str, weakref.ref[torch.Generator | Stateful]]] = []

    def add(self, name: str, source: Source) -> Source:
        """Hand ``source`` out."""
        self._handed_out.append((f"{len(self._handed_out)} {name}", weakref.ref(source)))
        return source

    def alive(self) -> dict[str, Stateful]:
        """Those that somebody still has, by number and name."""
        found = ((name, reference()) for name, reference in self._handed_out)
        return {
            name: _Generator(source) if isinstance(source, torch.Generator) else source
            for name, source in found
            if source is not None
        }


class Middle:
    """What the steps of one optimisation change, taken and put back.

    Args:
        loop: the optimisation.
        sources: generators and batches that were there when it began.
        further: what the method has named.
    """

    def __init__(self, loop: Loop, sources: Mapping[str, Stateful], further: Sequence[Stateful]) -> None:
        self._loop = loop
        self._sources = dict(sources)
        self._further = list(further)

    @property
    def size(self) -> int:
        """Bytes of a state, about: parameters, two moments of each, and as much again for what is named."""
        weights = sum(p.nbytes for p in self._loop.parameters)
        return weights * (3 + len(self._further))

    def take(self) -> dict[str, Any]:
        """The state as it is; its tensors are those in use, so write it at once."""
        return {
            "parameters": [p.detach() for p in self._loop.parameters],
            "loop": self._loop.state_dict(),
            "sources": {name: source.state_dict() for name, source in self._sources.items()},
            "further": [each.state_dict() for each in self._further],
            "random": _global_states(self._loop.device),
        }

    @torch.no_grad()
    def put_back(self, state: Mapping[str, Any]) -> None:
        """Make everything as it was when ``state`` was taken."""
        for parameter, value in zip(self._loop.parameters, state["parameters"], strict=True):
            parameter.copy_(value)
        self._loop.load_state_dict(state["loop"])
        for name, source in self._sources.items():
            if name in state["sources"]:
                source.load_state_dict(state["sources"][name])
        for each, value in zip(self._further, state["further"], strict=True):
            each.load_state_dict(value)
        _set_global_states(state["random"], self._loop.device)


def _global_states(device: torch.device) -> dict[str, Any]:
    version, numbers, gauss = random.getstate()
    numpy: Any = np.random.get_state(legacy=False)
    key = torch.from_numpy(numpy["state"]["key"].astype(np.int64))
    states: dict[str, Any] = {
        "python": [version, list(numbers), gauss],
        "numpy": [key, numpy["state"]["pos"], numpy["has_gauss"], numpy["gauss"]],
        "torch": torch.get_rng_state(),
    }
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def _set_global_states(states: Mapping[str, Any], device: torch.device) -> None:
    version, numbers, gauss = states["python"]
    random.setstate((version, tuple(numbers), gauss))
    key, position, has_gauss, numpy_gauss = states["numpy"]
    np.random.set_state(("MT19937", key.numpy().astype(np.uint32), position, has_gauss, numpy_gauss))
    torch.set_rng_state(states["torch"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"], device)
