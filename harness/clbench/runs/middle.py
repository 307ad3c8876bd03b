"""The middle of a task on disk: what a killed run goes on from. See :mod:`clbench.methods.resuming`."""

from __future__ import annotations

import io
import logging
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from clbench.results.checked import DamagedError, Identity, read_checked, writing

__all__ = ["MiddleStore"]

log = logging.getLogger(__name__)

_COST = 0.01
"""Share of the time that may go into saving where no number of steps is said."""
_SHORTEST = 10.0
"""Seconds between two savings, at least: less than that is soon learned again."""
_SPEED = 2e8
"""Bytes a second that a disk is trusted to take before it has been seen to."""


class MiddleStore:
    """A :class:`clbench.methods.resuming.StepStore` in a folder, a file for each optimisation of a task.

    A file that is damaged or of another run, task or optimisation costs the steps that it stood for: they
    are taken again, with a warning. A disk that refuses a file costs no more.

    Args:
        folder: made when something is saved; :meth:`clear` removes it.
        key: of the run.
        every: steps between two savings; ``None``: as often as costs one per cent of the time.
    """

    def __init__(self, folder: Path, key: str, every: int | None = None) -> None:
        self._folder = folder
        self._key = key
        self._every = every
        self._last = time.perf_counter()
        self._seconds = 0.0  # what the last saving took
        self._refused = False

    def load(self, moment: str, fit: int, form: str) -> Mapping[str, Any] | None:
        """What was saved last, if it is whole; time counts from here on."""
        self._last = time.perf_counter()
        path = self._path(moment, fit)
        if not path.exists():
            return None
        try:
            content = read_checked(path, self._identity(moment, fit, form))
            state: Mapping[str, Any] = torch.load(
                io.BytesIO(content), map_location="cpu", weights_only=True
            )
        except DamagedError as error:
            log.warning("%s: %s; its steps are taken again", path, error.why)
            return None
        return state

    def due(self, steps: int, size: int) -> bool:
        """Whether it is time to save; without a number of steps, the time that saving takes decides."""
        if self._refused:
            return False
        if self._every is not None:
            return steps >= self._every
        cost = max(self._seconds, size / _SPEED)
        return time.perf_counter() - self._last >= max(_SHORTEST, cost / _COST)

    def save(self, moment: str, fit: int, form: str, state: Mapping[str, Any]) -> None:
        """Replace what was saved before; says so once if the disk refuses it."""
        began = time.perf_counter()
        path = self._path(moment, fit)
        try:
            with writing(path, self._identity(moment, fit, form)) as file:
                torch.save(dict(state), file)
        except OSError as error:
            self._refused = True
            log.warning(
                "%s cannot be written: %s; a run that is stopped learns its task again",
                *(path, error.strerror or error),
            )
        self._last = time.perf_counter()
        self._seconds = self._last - began

    def clear(self) -> None:
        """Forget everything: the task is learned, and its checkpoint is written."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, moment: str, fit: int) -> Path:
        # A moment of a run is "3:aircraft": the number tells it from the others.
        return self._folder / f"{moment.partition(':')[0]}-{fit}.pt"

    def _identity(self, moment: str, fit: int, form: str) -> Identity:
        return Identity("middle of a task", {"run": self._key, "moment": moment, "fit": fit, "form": form})
