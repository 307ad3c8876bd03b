"""What a method must leave as it found it, and what it hands over: looked at after each task."""

from __future__ import annotations

import gc
import locale
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clbench.errors import MethodError
from clbench.models.backbone import weights_digest
from clbench.runs.workbench import Bench

__all__ = ["ProcessState", "Untouched", "checked_counts", "checked_state"]

_MASKS = hasattr(signal, "pthread_sigmask")
_DEEPEST = 100  # levels of a state


class ProcessState:
    """State of the process that a method may have changed, and that a run that goes on would not have."""

    def __init__(self) -> None:
        self._home = Path.cwd()
        self._threads = torch.get_num_threads()
        self._precision = torch.get_float32_matmul_precision()
        self._locale = locale.setlocale(locale.LC_ALL)
        self._errors = np.geterr()
        self._umask = os.umask(0)
        os.umask(self._umask)
        self._signals = signal.pthread_sigmask(signal.SIG_BLOCK, ()) if _MASKS else set()

    def restore(self) -> None:
        """Make it as it was at the beginning."""
        while torch.is_inference_mode_enabled():
            torch.inference_mode(False).__enter__()
        torch.set_grad_enabled(True)
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
        torch.set_num_threads(self._threads)
        torch.set_float32_matmul_precision(self._precision)
        torch.use_deterministic_algorithms(False)
        torch.set_autocast_enabled("cpu", False)
        torch.set_autocast_enabled("cuda", False)
        torch.set_flush_denormal(False)
        with suppress(locale.Error):
            locale.setlocale(locale.LC_ALL, self._locale)
        np.seterr(**self._errors)
        os.umask(self._umask)
        if _MASKS:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._signals)
        gc.enable()
        try:
            elsewhere = Path.cwd() != self._home
        except OSError:  # a folder that is gone
            elsewhere = True
        if elsewhere:
            with suppress(OSError):
                os.chdir(self._home)


class Untouched:
    """The initial model as it was before any code of the method ran."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._model = bench.initial.model
        self._digest = self._described()

    def check(self) -> None:
        """Raise :class:`MethodError` where it is another now."""
        if self._bench.initial.model is not self._model or self._described() != self._digest:
            raise MethodError(
                "the method has changed the initial model",
                why="context.initial is shared and frozen: a method changes its own backbone",
                fix="change method.backbone, or a copy: context.initial.copy()",
            )

    def _described(self) -> tuple[object, ...]:
        """Weights, buffers that are not saved with them, and what decides how both are used."""
        model = self._model
        saved = model.state_dict().keys()
        return (
            weights_digest(model),
            tuple(
                (name, tuple(each.shape), each.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
                for name, each in model.named_buffers()
                if name not in saved
            ),
            tuple(name for name, each in model.named_parameters() if each.requires_grad),
            tuple(name for name, each in model.named_modules() if each.training),
        )


def checked_state(state: Any) -> dict[str, Any]:
    """What ``state_dict()`` gave, if a run that goes on can load it.

    Raises:
        MethodError: it is something else than tensors, plain values, and lists and dictionaries of them.
    """
    if not isinstance(state, dict):
        raise _unfit(f"it is a {type(state).__name__}")
    _look(state, "", 0)
    return state


def checked_counts(counts: Any) -> list[int]:
    """``context.measured.trainable_parameters`` as the record can have it.

    Raises:
        MethodError: something in it is no number of parameters.
    """
    wrong = [each for each in counts if type(each) is not int or each < 0]
    if wrong:
        raise MethodError(
            f"context.measured.trainable_parameters has {str(wrong[0])[:40]!r}",
            why="it is no number of parameters",
            fix="append one whole number for each task that is learned",
        )
    return list(counts)


def _look(value: Any, where: str, depth: int) -> None:
    if depth > _DEEPEST:
        raise _unfit(f"it is more than {_DEEPEST} levels deep, or contains itself")
    if isinstance(value, torch.Tensor):
        if value.is_meta:
            raise _unfit(f"{where or 'it'} is a tensor on the meta device, which has no values")
    elif isinstance(value, Mapping):
        if not isinstance(value, dict):
            raise _unfit(f"{where or 'it'} is a {type(value).__name__}")
        for key, each in value.items():
            if not isinstance(key, str | int | float | bool | tuple | None):
                raise _unfit(f"{where} has a key that is a {type(key).__name__}")
            _look(each, f"{where}[{key!r:.40}]", depth + 1)
    elif isinstance(value, list | tuple):
        for number, each in enumerate(value):
            _look(each, f"{where}[{number}]", depth + 1)
    elif value is not None and type(value) not in (str, int, float, bool, complex, bytes, bytearray):
        if isinstance(value, torch.dtype | torch.device):
            return
        raise _unfit(f"{where or 'it'} is a {type(value).__name__}")


def _unfit(why: str) -> MethodError:
    return MethodError(
        "state_dict() gave what a run that goes on could not load",
        why=why,
        fix="give tensors, numbers, texts, and lists and dictionaries of them",
    )
