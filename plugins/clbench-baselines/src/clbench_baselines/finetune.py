"""Fine-tuning, and what holds it back in parameter space: the lower bound and its nearest relatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from clbench import Batch, FineTuning, TrainingTask
from clbench.methods import Losses, Stateful
from clbench_zscl.losses import add_l2_gradient
from torch import Tensor, nn

from clbench_baselines.settings import FineTuneSettings, WCSettings, WiSEFTSettings

__all__ = ["FineTune", "WeightConsolidation", "WiSEFT", "ZeroShot"]


class ZeroShot(FineTuning):
    """The pre-trained model, which learns nothing."""

    def learn(self, task: TrainingTask) -> None:
        """Do nothing."""


class FineTune(FineTuning):
    """Cross-entropy on the current task, all of CLIP's weights but the logit scale."""

    settings: FineTuneSettings

    def learn(self, task: TrainingTask) -> None:
        self._train(task)
        self.weights_changed()

    def _parameters(self) -> list[nn.Parameter]:
        return [p for _, p in self.backbone.trainable()]

    def _train(
        self,
        task: TrainingTask,
        *,
        further_losses: Callable[[], Losses] | None = None,
        before_optimizer: Callable[[int], None] | None = None,
        state: Sequence[Stateful] = (),
    ) -> None:
        """Take ``iterations + 1`` steps; ``further_losses`` are added to the cross-entropy of each.

        ``state`` is what these functions change, see :meth:`clbench.methods.Context.fit`.
        """
        settings = self.settings

        def step(_k: int, batch: Batch) -> Losses:
            loss = self.task_loss(batch, task.labels, label_smoothing=settings.label_smoothing)
            return {"ce": loss, **(further_losses() if further_losses else {})}

        self.context.fit(
            task,
            self._parameters(),
            step,
            **settings.loop(task.rate_scale),
            before_optimizer=before_optimizer,
            state=state,
        )


class WeightConsolidation(FineTune):
    """Fine-tuning plus the squared distance to the weights with which the task began."""

    settings: WCSettings

    def learn(self, task: TrainingTask) -> None:
        parameters = self._parameters()
        anchor = [p.detach().clone() for p in parameters]
        coefficient = self.settings.l2
        self._train(task, before_optimizer=lambda _k: add_l2_gradient(parameters, anchor, coefficient))
        self.weights_changed()


class WiSEFT(FineTune):
    """Fine-tuning, after each task of which the weights are mixed with earlier ones.

    ``θ ← α · θ_tuned + (1 - α) · θ_earlier``: Wortsman et al. 2022, Eq. 1, with the mixture coefficient
    and the previous model in place of the pre-trained one as ZSCL's authors run it.
    """

    settings: WiSEFTSettings

    def learn(self, task: TrainingTask) -> None:
        weights: list[Tensor] = [p.data for p in self._parameters()]
        if self.settings.towards == "initial":
            earlier: list[Tensor] = [p.data for _, p in self.context.initial.trainable()]
        else:
            earlier = [w.clone() for w in weights]
        self._train(task)
        torch._foreach_lerp_(weights, earlier, 1.0 - self.settings.alpha)
        self.weights_changed()
