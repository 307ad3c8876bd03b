"""CLIP-KD (Yang et al., CVPR 2024) as a continual method: the live model is the student of an earlier one.

The paper distils a large CLIP into a small one on image–text pairs. Here student and teacher are the same
model at two times. The student learns its task by cross-entropy, and on reference pairs it takes the paper's
objective, task loss and all, with the initial CLIP (or the previous task's) as its teacher.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from clbench import Batch, ConfigError, FineTuning, TrainingTask
from clbench.methods import Losses, Reference
from clbench.models import image_features, text_features
from torch import Tensor

from clbench_clip_kd.losses import Embeddings
from clbench_clip_kd.masking import masked_patches, require_patches
from clbench_clip_kd.objective import Objective
from clbench_clip_kd.settings import ClipKDSettings

__all__ = ["ClipKD"]


class ClipKD(FineTuning):
    """Cross-entropy on the task + CLIP-KD's objective on reference pairs.

    The logit scale stays as it was pre-trained, for student and teacher. What the objective itself learns,
    its scales and layers, belongs to one task's optimisation: it begins anew with each task, as the
    optimiser does, so the state between tasks is the backbone's weights alone.
    """

    settings: ClipKDSettings
    _initial_texts: Tensor | None = None

    def learn(self, task: TrainingTask) -> None:
        settings = self.settings
        parameters = [p for _, p in self.backbone.trainable()]
        if settings.has_pair_losses:
            reference = self._pairs()
            teacher = self._teacher(reference)
            width = teacher.images.shape[-1]
            objective = Objective(settings, width, width).to(self.context.device)
            parameters += list(objective.parameters())
            pairs = self._reference_batches()

        def step(_k: int, batch: Batch) -> Losses:
            losses = {"ce": self.task_loss(batch, task.labels, label_smoothing=settings.label_smoothing)}
            if settings.has_pair_losses:
                losses |= self._pair_losses(objective, next(pairs), reference, teacher)
            return losses

        self.context.fit(
            task,
            parameters,
            step,
            **settings.loop(task.rate_scale),
            batches=self._target_batches(task),
            state=(),
        )
        self.weights_changed()

    def _pair_losses(
        self, objective: Objective, batch: Batch, reference: Reference, teacher: Embeddings
    ) -> dict[str, Tensor]:
        """The objective on a batch of reference pairs; ``teacher`` has the embeddings of all of them."""
        texts = [reference.texts[i] for i in batch.indices.tolist()]
        student = Embeddings(self.backbone.encode_image(batch.images), text_features(self.backbone, texts))
        masked = None
        if self.settings.masks:
            with masked_patches(self.backbone.model, self.settings.mask_ratio):
                masked = self.backbone.encode_image(batch.images)
        drawn = batch.indices.to(teacher.images.device)
        s = self.backbone.scale.detach()
        losses: dict[str, Tensor] = objective(
            student, Embeddings(teacher.images[drawn], teacher.texts[drawn]), s, s, masked
        )
        return losses

    # -- data: overridden to feed given batches, in checks against other implementations ---------------

    def _target_batches(self, task: TrainingTask) -> Iterator[Batch]:
        """Batches of the task's training images, randomly cropped."""
        return self.context.batches(task.train, self.settings.batch_size, name="train", augment=True)

    def _reference_batches(self) -> Iterator[Batch]:
        """Batches of reference images under the test transform; ``indices`` are into the reference pairs."""
        images = self.context.reference.images
        return self.context.batches(images, self.settings.reference_batch_size, name="reference")

    def _pairs(self) -> Reference:
        """The reference data, seen to be pairs."""
        reference = self.context.reference
        if len(reference.images) != len(reference.texts):
            raise ConfigError(
                "clip-kd needs reference pairs, each image with its caption",
                why=f"there are {len(reference.images)} images and {len(reference.texts)} texts",
                fix="choose a stream whose reference data are pairs",
            )
        if self.settings.masks:
            require_patches(self.backbone.model)
        return reference

    @torch.no_grad()
    def _teacher(self, reference: Reference) -> Embeddings:
        """The teacher's embeddings of all pairs: the initial model's once, the previous one's once a task."""
        if self.settings.teacher == "previous":
            return Embeddings(
                image_features(self.backbone, reference.images),
                text_features(self.backbone, reference.texts).float(),
            )
        if self._initial_texts is None:
            self._initial_texts = text_features(self.context.initial, reference.texts).float()
        return Embeddings(self.context.initial_features(reference.images), self._initial_texts)
