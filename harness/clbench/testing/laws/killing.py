"""The middle of a task kept in memory, and a death at a chosen moment: what a check of resuming needs."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import torch

__all__ = ["Killed", "MemoryStore"]


class Killed(BaseException):
    """The end of a process, as far as one can have it without ending: no method catches it."""


class MemoryStore:
    """A :class:`clbench.methods.resuming.StepStore` that saves after every step, as a file would.

    Attributes:
        asked: whether an optimisation has asked for what was kept of it.
        kept: number of savings.
    """

    def __init__(self) -> None:
        self.asked = False
        self.kept = 0
        self._states: dict[tuple[str, int, str], bytes] = {}
        self._last: int | None = None

    def kill_after(self, saves: int | None) -> None:
        """Raise :class:`Killed` once so many more states are saved."""
        self._last = None if saves is None else self.kept + saves

    def load(self, moment: str, fit: int, form: str) -> Mapping[str, Any] | None:
        self.asked = True
        content = self._states.get((moment, fit, form))
        if content is None:
            return None
        state: Mapping[str, Any] = torch.load(io.BytesIO(content), weights_only=True)
        return state

    def due(self, steps: int, size: int) -> bool:  # noqa: ARG002
        return True

    def save(self, moment: str, fit: int, form: str, state: Mapping[str, Any]) -> None:
        buffer = io.BytesIO()
        torch.save(dict(state), buffer)
        self._states[moment, fit, form] = buffer.getvalue()
        self.kept += 1
        if self.kept == self._last:
            raise Killed
