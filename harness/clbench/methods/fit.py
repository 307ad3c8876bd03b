"""The training loop that methods share: rate, loss, gradient, step; and a clear end when a loss breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import torch
from torch import Tensor, nn

from clbench.errors import NotFiniteError
from clbench.methods.batches import Batch
from clbench.methods.schedules import Schedule

__all__ = ["Loop", "Losses", "OptimizerName", "Precision", "autocast"]

Losses = Mapping[str, Tensor]
OptimizerName = Literal["adamw", "sgd"]
Precision = Literal["fp32", "bf16", "fp16"]


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Mixed precision for forward passes; nothing for ``fp32``."""
    if precision == "fp32":
        return nullcontext()
    dtype = torch.bfloat16 if precision == "bf16" else torch.float16
    return torch.autocast(device.type, dtype=dtype)


class Loop:
    """One task's optimisation.

    Args:
        parameters: what is trained.
        optimizer: ``adamw`` (betas 0.9 and 0.999, eps 1e-8) or ``sgd`` without momentum.
        schedule: rate of each step.
        steps: number of optimiser steps.
        precision: of the forward passes; weights and optimiser state stay float32.
        where: "task aircraft", for messages.
        progress: told (steps done, steps in all, last loss).
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        *,
        schedule: Schedule,
        steps: int,
        optimizer: OptimizerName = "adamw",
        weight_decay: float = 0.0,
        betas: tuple[float, float] = (0.9, 0.999),
        precision: Precision = "fp32",
        where: str = "",
        progress: Callable[[int, int, float | None], None] | None = None,
    ) -> None:
        self.parameters = list(parameters)
        self._schedule = schedule
        self._steps = steps
        self._where = where
        self._progress = progress
        self._precision = precision
        self.device = self.parameters[0].device
        self.optimizer: torch.optim.Optimizer
        if optimizer == "adamw":
            # The fused kernel takes the same step a third of the time on CPU.
            self.optimizer = torch.optim.AdamW(
                self.parameters,
                lr=schedule(0),
                betas=betas,
                weight_decay=weight_decay,
                fused=self.device.type in ("cpu", "cuda"),
            )
        else:
            self.optimizer = torch.optim.SGD(self.parameters, lr=schedule(0), weight_decay=weight_decay)
        self._scaler = torch.amp.GradScaler(
            self.device.type, enabled=precision == "fp16" and self.device.type == "cuda"
        )
        self.step_index = 0

    def run(
        self,
        batches: Iterator[Batch],
        step: Callable[[int, Batch], Losses],
        *,
        before_optimizer: Callable[[int], None] | None = None,
        after_step: Callable[[int], None] | None = None,
        first: int = 0,
        after_all: Callable[[int], None] | None = None,
    ) -> None:
        """Take all steps.

        Args:
            batches: one is drawn per step.
            step: (k, batch) → named losses; their sum is back-propagated. It may call :meth:`backward`
                itself first: gradients accumulate until the optimiser's step.
            before_optimizer: told k when gradients are complete (and unscaled), before the optimiser moves.
            after_step: told k when the weights have moved.
            first: the step to begin with: those before it were taken by an earlier process.
            after_all: told k when everything of the step is done.

        Raises:
            NotFiniteError: a loss is NaN or infinite; the weights are those before that step.
        """
        for k in range(first, self._steps):
            self.step_index = k
            for group in self.optimizer.param_groups:
                group["lr"] = self._schedule(k)
            self.optimizer.zero_grad(set_to_none=True)
            batch = next(batches)
            with autocast(self._precision, self.device):
                losses = step(k, batch)
            total = self.backward(losses)
            self._scaler.unscale_(self.optimizer)
            if before_optimizer is not None:
                before_optimizer(k)
            self._scaler.step(self.optimizer)
            self._scaler.update()
            if after_step is not None:
                after_step(k)
            if self._progress is not None:
                self._progress(k + 1, self._steps, total)
            if after_all is not None:
                after_all(k)
        self.optimizer.zero_grad(set_to_none=True)  # a model's worth of memory, free for the test

    def state_dict(self) -> dict[str, Any]:
        """Optimiser, scaler and the number of steps taken; the parameters' values are not in it."""
        return {
            "optimizer": self.optimizer.state_dict(),
            "scaler": self._scaler.state_dict(),
            "taken": self.step_index + 1,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.optimizer.load_state_dict(state["optimizer"])
        self._scaler.load_state_dict(state["scaler"])
        self.step_index = int(state["taken"]) - 1

    @property
    def gradient_scale(self) -> float:
        """What gradients are multiplied by until the optimiser's step: 1 unless precision is ``fp16``."""
        return float(self._scaler.get_scale()) if self._scaler.is_enabled() else 1.0

    def backward(self, losses: Losses) -> float:
        """Check the named losses, add their gradients, and return their sum's value."""
        values = {name: float(value.detach()) for name, value in losses.items()}
        broken = [name for name, value in values.items() if not _finite(value)]
        if broken:
            found = ", ".join(f"{name} = {values[name]}" for name in broken)
            error = NotFiniteError(
                f"loss {found} at {self._where}, step {self.step_index}",
                why="the optimisation diverged, or the method divides by zero",
                fix="lower the learning rate of the method (--set METHOD.lr=…)",
            )
            error.step = self.step_index
            raise error
        total = torch.stack([value.float() for value in losses.values()]).sum()
        self._scaler.scale(total).backward()  # type: ignore[no-untyped-call]
        return sum(values.values())


def _finite(value: float) -> bool:
    return value == value and abs(value) != float("inf")
