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
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from clbench import Batch, ConfigError, FineTuning, Settings, TrainingTask
from clbench.methods import Losses, warmup_cosine
from clbench.models import text_features
from torch import Tensor

from clbench_zscl.ensemble import WeightEnsemble
from clbench_zscl.losses import add_l2_gradient, image_text_distillation
from clbench_zscl.settings import ZSCLSettings
from clbench_zscl.texts import RANDOM_TEXTS, random_text_features

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
        distils = settings.image_weight > 0 or settings.text_weight > 0
        if distils:
            reference = self._reference_batches()
            Z_ref, W_ref = self._teacher_images(), self._teacher_texts()

        def step(_k: int, batch: Batch) -> Losses:
            losses = {"ce": self.task_loss(batch, task.labels, label_smoothing=settings.label_smoothing)}
            if distils:
                drawn = next(reference)
                losses |= self._distillation(drawn, Z_ref[drawn.indices.to(Z_ref.device)], W_ref)
            return losses

        def pull_to_anchor(_k: int) -> None:
            if settings.l2 > 0:
                add_l2_gradient(parameters, anchor, settings.l2)

        def take_snapshot(k: int) -> None:
            if ensemble is not None and k % settings.ensemble_interval == 0:
                ensemble.update(parameters)

        self.context.fit(
            task,
            parameters,
            step,
            steps=settings.iterations + 1,
            schedule=warmup_cosine(
                settings.lr * task.rate_scale, warmup=settings.warmup, iterations=settings.iterations
            ),
            batch_size=settings.batch_size,
            batches=self._target_batches(task),
            before_optimizer=pull_to_anchor,
            after_step=take_snapshot,
        )
        if ensemble is not None:
            ensemble.copy_to(parameters)
        self.weights_changed()

    def _distillation(self, batch: Batch, Z_ref: Tensor, W_ref: Tensor) -> dict[str, Tensor]:
        """Both distillations on a reference batch.

        ``Z_ref`` (batch, d) are the teacher's embeddings of its images, ``W_ref`` (R, d) of all texts.
        """
        settings = self.settings
        Z = F.normalize(self.backbone.encode_image(batch.images), dim=-1)
        s = self.backbone.scale.detach()
        image, text = image_text_distillation(Z, Z_ref, W_ref, s, settings.temperature)
        return {
            "image distillation": settings.image_weight * image,
            "text distillation": settings.text_weight * text,
        }

    # -- data: overridden to feed given batches, in checks against other implementations ---------------

    def _target_batches(self, task: TrainingTask) -> Iterator[Batch]:
        """Batches of the task's training images, randomly cropped."""
        return self.context.batches(task.train, self.settings.batch_size, name="train", augment=True)

    def _reference_batches(self) -> Iterator[Batch]:
        """Batches of reference images under the test transform; ``indices`` are into the reference images."""
        images = self.context.reference.images
        return self.context.batches(images, self.settings.reference_batch_size, name="reference")

    def _teacher_images(self) -> Tensor:
        """The initial CLIP's embeddings of all reference images, (n, d), computed once for all tasks."""
        return self.context.initial_features(self.context.reference.images)

    @torch.no_grad()
    def _teacher_texts(self) -> Tensor:
        """The initial CLIP's embeddings of the reference texts, (R, d), without gradient."""
        settings, initial = self.settings, self.context.initial
        if settings.reference_texts == "random":
            count = settings.max_reference_texts or RANDOM_TEXTS
            return random_text_features(initial, count, self.context.generator("reference texts"))
        if self._text_features is None:
            if settings.reference_texts == "captions":
                texts = self.context.reference.texts
            else:
                texts = tuple(f"a photo of a {name}." for name in self.context.class_pool)
            if settings.max_reference_texts is not None:
                # The same selection in every task of a run, so that it is encoded once.
                draw = torch.Generator().manual_seed(self.context.seed)
                order = torch.randperm(len(texts), generator=draw)[: settings.max_reference_texts]
                texts = tuple(texts[i] for i in sorted(order.tolist()))
            self._text_features = text_features(initial, texts)
        return self._text_features

    @classmethod
    def check(cls, settings: Settings) -> None:
        assert isinstance(settings, ZSCLSettings)
        if settings.warmup > settings.iterations:
            raise ConfigError(
                f"zscl warms up for {settings.warmup} of {settings.iterations} iterations",
                why="the learning rate would never reach its peak",
                fix=f"--set zscl.warmup={settings.iterations // 10}",
            )
