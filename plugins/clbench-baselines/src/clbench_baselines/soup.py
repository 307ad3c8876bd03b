"""Model soup: the mean of the models that were fine-tuned on each task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from clbench import Backbone, Context, TrainingTask
from torch import Tensor

from clbench_baselines.finetune import FineTune
from clbench_baselines.settings import SoupSettings

__all__ = ["ModelSoup"]


class ModelSoup(FineTune):
    """Fine-tuning on each task; the model is the uniform mean of the tasks' models.

    ``θ̄_t = ((t - 1) θ̄_{t-1} + θ_t) / t``, θ_t being the weights at the end of task t's training: the uniform
    soup of Wortsman et al., ICML 2022, whose ingredients are here one fine-tuned model a task. Each begins
    from the mean so far, so that what was learned is passed on, or from the pre-trained weights, as in the
    paper (``start``).
    """

    settings: SoupSettings

    def __init__(self, backbone: Backbone, settings: SoupSettings, context: Context) -> None:
        super().__init__(backbone, settings, context)
        self._ingredients = int(settings.include_initial)

    def learn(self, task: TrainingTask) -> None:
        weights: list[Tensor] = [p.data for p in self._parameters()]
        mean = [w.clone() for w in weights]
        if self.settings.start == "initial":
            torch._foreach_copy_(weights, [p.detach() for _, p in self.context.initial.trainable()])
        self._train(task)
        self._ingredients += 1
        torch._foreach_lerp_(mean, weights, 1.0 / self._ingredients)
        torch._foreach_copy_(weights, mean)
        self.weights_changed()

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "ingredients": self._ingredients}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self._ingredients = int(state["ingredients"])
