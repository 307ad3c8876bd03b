"""ZSCL (Zheng et al., ICCV 2023): keep CLIP's zero-shot transfer while it learns task after task.

The whole CLIP is fine-tuned on each task by cross-entropy, and held in two spaces. In *feature space* it
is distilled from the initial CLIP on reference images and texts, which need neither labels nor to match
each other. In *parameter space* it is kept near the weights with which the task began (L2), and the
weights along the training are averaged (weight ensemble); the average is the result.

What follows is what the authors' code does, where paper and code differ:

* the teacher is the target of the distillation's cross-entropy, and is the initial CLIP in every task;
* both distillations use the teacher's text embeddings on both sides: "text" is the same matrix of
  logits transposed, so the text tower gets gradient from the classification (and L2) alone;
* the loss has the L2 term, which the paper's total leaves out;
* ``iterations`` = 1000 are 1001 steps, and the ensemble takes snapshots right after steps 0, 100, …, 1000.

What can be had in the other form is declared in :mod:`clbench_zscl.traps`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from clbench import Backbone, Batch, FineTuning, TrainingTask
from clbench.methods import Losses
from clbench.models import image_features, text_features
from torch import Tensor, nn

from clbench_zscl.ensemble import MovingAverage, WeightEnsemble
from clbench_zscl.losses import (
    add_l2_gradient,
    image_similarity_distillation,
    image_text_distillation,
    l2_penalty,
)
from clbench_zscl.settings import ZSCLSettings
from clbench_zscl.texts import RANDOM_TEXTS, cut_text_features, random_text_features

__all__ = ["ZSCL"]


class ZSCL(FineTuning):
    """Cross-entropy + distillation on reference data + L2 to the task's start; the weights are averaged."""

    settings: ZSCLSettings
    _text_features: Tensor | None = None

    def learn(self, task: TrainingTask) -> None:
        settings = self.settings
        parameters = [p for _, p in self.backbone.trainable()]
        anchor = [p.detach().clone() for p in parameters]
        ensemble = WeightEnsemble(parameters) if settings.ensemble else None
        average = self._moving_average(parameters, anchor) if settings.moving_average < 1 else None
        distillation = self._distillation() if settings.distils else None

        def step(_k: int, batch: Batch) -> Losses:
            losses = {"ce": self.task_loss(batch, task.labels, label_smoothing=settings.label_smoothing)}
            if settings.l2 > 0 and settings.official_compute:
                losses["l2"] = settings.l2 * l2_penalty(parameters, anchor)
            return losses | distillation() if distillation is not None else losses

        def pull_to_anchor(_k: int) -> None:
            if settings.l2 > 0 and not settings.official_compute:
                add_l2_gradient(parameters, anchor, settings.l2)

        late = settings.snapshots == "interval"  # steps done; the authors count the step before them

        def at_interval(k: int) -> None:
            if ensemble is not None and (k + late) % settings.ensemble_interval == 0:
                ensemble.update(parameters)
            if average is not None and k % settings.ensemble_interval == 0:
                average.pull()

        self.context.fit(
            task,
            parameters,
            step,
            **settings.loop(task.rate_scale),
            before_optimizer=pull_to_anchor,
            after_step=at_interval,
            state=[kept for kept in (ensemble, average) if kept is not None],
        )
        if ensemble is not None:
            ensemble.copy_to(parameters)
        if settings.wise_alpha < 1:
            earlier = anchor if settings.wise_towards == "previous" else self._initial_weights()
            torch._foreach_lerp_([p.detach() for p in parameters], earlier, 1.0 - settings.wise_alpha)
        self.weights_changed()

    # -- feature space ------------------------------------------------------------------------------

    def _distillation(self) -> Callable[[], dict[str, Tensor]]:
        """Ask the teacher once for all embeddings; return the losses of a next batch of reference images."""
        settings = self.settings
        images = self.context.reference.images
        batches = self.context.batches(images, settings.reference_batch_size, name="reference")
        if settings.official_compute:
            return self._asked_every_step(batches)
        Z_ref = self._teacher_images()
        W_ref = self._teacher_texts() if settings.compares_with_texts else None

        def losses() -> dict[str, Tensor]:
            batch = next(batches)
            return self._distillation_losses(batch, Z_ref[batch.indices.to(Z_ref.device)], W_ref)

        return losses

    def _asked_every_step(self, batches: Iterator[Batch]) -> Callable[[], dict[str, Tensor]]:
        """The same losses with a teacher that encodes images and all texts anew in every step."""
        settings = self.settings
        teacher = self.initial if settings.teacher == "initial" else self.backbone.copy().freeze()

        def losses() -> dict[str, Tensor]:
            batch = next(batches)
            with torch.no_grad():
                Z_ref = F.normalize(teacher.encode_image(batch.images).float(), dim=-1)
                W_ref = self._encoded_texts(teacher) if settings.compares_with_texts else None
            return self._distillation_losses(batch, Z_ref, W_ref)

        return losses

    def _distillation_losses(self, batch: Batch, Z_ref: Tensor, W_ref: Tensor | None) -> dict[str, Tensor]:
        """What holds the student to the teacher on a reference batch.

        ``Z_ref`` (batch, d) are the teacher's embeddings of its images, ``W_ref`` (R, d) of all texts.
        """
        settings, losses = self.settings, dict[str, Tensor]()
        Z = F.normalize(self.backbone.encode_image(batch.images), dim=-1)
        s, T, target = self.backbone.scale.detach(), settings.temperature, settings.distillation_target
        if W_ref is not None:
            W = self._embedded(self.backbone) if settings.distilled_texts == "student" else None
            image, text = image_text_distillation(Z, Z_ref, W_ref, s, T, W=W, target=target)
            losses["image distillation"] = settings.image_weight * image
            losses["text distillation"] = settings.text_weight * text
        if settings.feature_mse > 0:
            losses["feature error"] = settings.feature_mse * F.mse_loss(Z.float(), Z_ref)
        if settings.image_similarity > 0:
            similarity = image_similarity_distillation(Z, Z_ref, s, T, target)
            losses["image similarity"] = settings.image_similarity * similarity
        return losses

    def _teacher_images(self) -> Tensor:
        """The teacher's embeddings of all reference images, (n, d); the initial CLIP's once for all tasks."""
        images = self.context.reference.images
        if self.settings.teacher == "previous":
            return image_features(self.backbone, images)
        return self.context.initial_features(images)

    def _teacher_texts(self) -> Tensor:
        """The teacher's embeddings of the reference texts; the initial CLIP's once for all tasks."""
        settings = self.settings
        if settings.teacher == "previous" or settings.reference_texts == "random":
            return self._encoded_texts(self.initial if settings.teacher == "initial" else self.backbone)
        if self._text_features is None:
            self._text_features = self._encoded_texts(self.initial)
        return self._text_features

    @torch.no_grad()
    def _encoded_texts(self, teacher: Backbone) -> Tensor:
        """A teacher's embeddings of the reference texts, (R, d), without gradient."""
        settings = self.settings
        if settings.reference_texts == "random":
            count = settings.max_reference_texts or RANDOM_TEXTS
            return random_text_features(teacher, count, self.context.generator("reference texts"))
        return self._embedded(teacher)

    def _embedded(self, backbone: Backbone) -> Tensor:
        """A model's embeddings of captions or class prompts, (R, d), with gradient where it has any."""
        embed = cut_text_features if self.settings.long_captions == "cut" else text_features
        return embed(backbone, self._reference_texts())

    def _reference_texts(self) -> tuple[str, ...]:
        """Captions or class prompts; the same selection in every task, so that it is encoded once."""
        settings = self.settings
        if settings.reference_texts == "captions":
            texts = self.context.reference.texts
        else:
            texts = tuple(f"a photo of a {name}." for name in self.context.class_pool)
        if settings.max_reference_texts is None:
            return texts
        draw = torch.Generator().manual_seed(self.context.seed)
        order = torch.randperm(len(texts), generator=draw)[: settings.max_reference_texts]
        return tuple(texts[i] for i in sorted(order.tolist()))

    # -- parameter space ----------------------------------------------------------------------------

    def _initial_weights(self) -> list[Tensor]:
        return [p.detach() for _, p in self.context.initial.trainable()]

    def _moving_average(self, parameters: list[nn.Parameter], anchor: list[Tensor]) -> MovingAverage:
        """What the live weights are pulled to at intervals."""
        towards = self.settings.moving_average_towards
        return MovingAverage(
            parameters,
            self._initial_weights() if towards == "initial" else anchor,
            share=self.settings.moving_average,
            follow=towards == "last",
        )
