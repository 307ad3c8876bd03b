"""Elastic weight consolidation: weights that mattered for earlier tasks are held where they were."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

import torch
from clbench import Backbone, Context, TrainingTask
from torch import Tensor

from clbench_baselines.finetune import FineTune
from clbench_baselines.settings import EWCSettings

__all__ = ["EWC"]


class EWC(FineTune):
    """Fine-tuning plus ``λ/2 Σ_i F_i (θ_i - θ*_i)²``: Kirkpatrick et al., PNAS 2017, Eq. 3.

    F is the diagonal of the empirical Fisher information, the mean over training images of the squared
    gradient of ``-log p(label | image)``, one image at a time, at the end of each task.

    Over several tasks the penalties add up. The sum of quadratics is one quadratic, so that one F and one
    centre are kept however many tasks there were: ``F ← γ F + F_t``, and the centre is the mean of the
    tasks' weights, weighed by F (``anchor=each``); or it is the last task's weights, as in online EWC
    (``anchor=latest``: Schwarz et al., Progress & Compress, ICML 2018).
    """

    settings: EWCSettings

    def __init__(self, backbone: Backbone, settings: EWCSettings, context: Context) -> None:
        super().__init__(backbone, settings, context)
        self._fisher: dict[str, Tensor] = {}
        self._centre: dict[str, Tensor] = {}

    def learn(self, task: TrainingTask) -> None:
        parameters = self._parameters()
        names = [name for name, _ in self.backbone.trainable()]
        fisher, centre = ([held[n] for n in names if n in held] for held in (self._fisher, self._centre))

        @torch.no_grad()
        def pull(_k: int) -> None:
            held = [
                (p, c, f) for p, c, f in zip(parameters, centre, fisher, strict=True) if p.grad is not None
            ]
            if not held:
                return
            shifts = torch._foreach_sub([p for p, _, _ in held], [c for _, c, _ in held])
            gradients = [p.grad for p, _, _ in held if p.grad is not None]
            weights = [f for _, _, f in held]
            torch._foreach_addcmul_(gradients, list(shifts), weights, value=self.settings.strength)

        self._train(task, before_optimizer=pull if fisher else None)
        self.weights_changed()
        self._consolidate(self._fisher_information(task))

    def _fisher_information(self, task: TrainingTask) -> dict[str, Tensor]:
        """Mean squared gradient of each weight, by name, over a random selection of the training images."""
        parameters = self._parameters()
        sums = [torch.zeros_like(p) for p in parameters]
        count = min(self.settings.fisher_samples, len(task.train))
        # A batch of one at a time: the square of a batch's mean gradient is another, smaller quantity.
        for done, batch in enumerate(islice(self.context.batches(task.train, 1, name="fisher"), count)):
            # In float32 in every run: squares of small gradients leave half precision's range.
            loss = self.task_loss(batch, task.labels)
            gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
            used = [(s, g) for s, g in zip(sums, gradients, strict=True) if g is not None]
            squared = [g for _, g in used]
            torch._foreach_addcmul_([s for s, _ in used], squared, squared)
            self.context.report("fisher", done + 1, count)
        torch._foreach_div_(sums, count)
        return {name: s for (name, _), s in zip(self.backbone.trainable(), sums, strict=True)}

    @torch.no_grad()
    def _consolidate(self, fisher: Mapping[str, Tensor]) -> None:
        """Add a task's Fisher information, and move the centre."""
        for name, parameter in self.backbone.trainable():
            theta, new = parameter.detach().clone(), fisher[name]
            if name not in self._fisher:
                self._fisher[name], self._centre[name] = new, theta
                continue
            old = self.settings.decay * self._fisher[name]
            total = old + new
            if self.settings.anchor == "each":
                # Where nothing has any weight, any centre will do.
                share = torch.where(total > 0, new / total, torch.ones_like(total))
                theta = torch.lerp(self._centre[name], theta, share)
            self._fisher[name], self._centre[name] = total, theta

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "fisher": dict(self._fisher), "centre": dict(self._centre)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        device = self.backbone.device
        self._fisher = {n: v.to(device).clone() for n, v in state["fisher"].items()}
        self._centre = {n: v.to(device).clone() for n, v in state["centre"].items()}
