"""Learning without Forgetting on CLIP, in the loop of ZSCL's authors."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from clbench import Backbone, Context, TrainingTask
from clbench.methods import Losses
from clbench.models import image_features, text_features
from clbench_zscl.losses import image_text_distillation
from clbench_zscl.texts import random_text_features, random_tokens
from torch import Tensor

from clbench_baselines.finetune import FineTune
from clbench_baselines.settings import LwFSettings, LwFVRSettings, SelfDistillationSettings

__all__ = ["LwF", "LwFVR", "SelfDistillation"]


class SelfDistillation(FineTune):
    """Fine-tuning, distilled from the previous model on the current task's images, over texts.

    The teacher is the model before the task (the pre-trained one for the first). As in the authors' code
    both distillations use the teacher's text embeddings on both sides, and the images are seen under the
    test transform, so the teacher's embeddings are computed once per task.
    """

    settings: SelfDistillationSettings

    def learn(self, task: TrainingTask) -> None:
        self._train(task, further_losses=self._distillation(task))
        self.weights_changed()

    def _distillation(self, task: TrainingTask) -> Callable[[], Losses] | None:
        """Ask the teacher once; return the losses of a next batch."""
        settings = self.settings
        with torch.no_grad():
            W_teacher = self._teacher_texts(self.backbone, task)
        Z_teacher = image_features(self.backbone, task.train)
        batches = self.context.batches(task.train, settings.reference_batch_size, name="reference")

        def distil() -> Losses:
            batch = next(batches)
            Z = F.normalize(self.backbone.encode_image(batch.images), dim=-1)
            W = self._student_texts(task) if settings.distilled_texts == "student" else None
            image, text = image_text_distillation(
                Z,
                Z_teacher[batch.indices.to(Z_teacher.device)],
                W_teacher,
                self.backbone.scale.detach(),
                settings.temperature,
                W=W,
            )
            return {
                "image distillation": settings.image_weight * image,
                "text distillation": settings.text_weight * text,
            }

        return distil

    @abstractmethod
    def _teacher_texts(self, teacher: Backbone, task: TrainingTask) -> Tensor:
        """The teacher's embeddings of the texts over which images are compared, (R, d)."""

    @abstractmethod
    def _student_texts(self, task: TrainingTask) -> Tensor:
        """The student's embeddings of the same texts, (R, d), with gradient."""


class LwF(SelfDistillation):
    """The texts are the training prompts of the current task's classes.

    With ``distilled_classes=earlier`` they are those of the classes learned before, whose answers the first
    paper keeps; then there is nothing to distil in the first task.
    """

    settings: LwFSettings

    def __init__(self, backbone: Backbone, settings: LwFSettings, context: Context) -> None:
        super().__init__(backbone, settings, context)
        self._earlier: list[str] = []

    def learn(self, task: TrainingTask) -> None:
        super().learn(task)
        if self.settings.distilled_classes == "earlier":
            self._earlier += task.labels.first_prompts

    def _distillation(self, task: TrainingTask) -> Callable[[], Losses] | None:
        return super()._distillation(task) if self._prompts(task) else None

    def _prompts(self, task: TrainingTask) -> Sequence[str]:
        current = self.settings.distilled_classes == "current"
        return task.labels.first_prompts if current else self._earlier

    def _teacher_texts(self, teacher: Backbone, task: TrainingTask) -> Tensor:
        return text_features(teacher, self._prompts(task))

    def _student_texts(self, task: TrainingTask) -> Tensor:
        return text_features(self.backbone, self._prompts(task))

    def state_dict(self) -> dict[str, Any]:
        kept = {"earlier_prompts": list(self._earlier)} if self._earlier else {}
        return {**super().state_dict(), **kept}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self._earlier = list(state.get("earlier_prompts", ()))


class LwFVR(SelfDistillation):
    """LwF with random texts, drawn once per task, in place of the task's class prompts."""

    settings: LwFVRSettings

    def _teacher_texts(self, teacher: Backbone, task: TrainingTask) -> Tensor:  # noqa: ARG002
        return random_text_features(teacher, self.settings.texts, self.context.generator("random texts"))

    def _student_texts(self, task: TrainingTask) -> Tensor:  # noqa: ARG002
        # The generator of this name begins anew, and draws the task's texts again.
        random = self.context.generator("random texts")
        tokens = random_tokens(self.backbone, self.settings.texts, random)
        return F.normalize(self.backbone.encode_text(tokens), dim=-1)
