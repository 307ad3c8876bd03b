"""GIFT: learn from generated images of what was known before, and move the weights that matter least.

Source: Wu et al., "Synthetic Data is an Elegant GIFT for Continual Vision-Language Models", CVPR 2025.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from clbench.errors import DataError
from clbench.methods import Batch, Context, FineTuning, Losses
from clbench.models import Backbone, cosines, image_features, text_features
from clbench.streams import TrainingTask
from torch import Tensor

from clbench_gift.ablations import feature_distillation, reverse_distillation
from clbench_gift.consolidation import Consolidation, Unzeroed
from clbench_gift.losses import contrastive_distillation, image_text_alignment
from clbench_gift.prompts import draw_prompts, image_seeds, prompt_pool
from clbench_gift.settings import GIFTSettings
from clbench_gift.synthetic import Synthetic, without_black

__all__ = ["GIFT"]


class GIFT(FineTuning):
    """Fine-tuning held in place by generated images and by adaptive weight consolidation.

    One step, as the authors' code takes it:

    1. On generated images with their prompts, the model stays close to the previous task's model (contrastive
       distillation, weight α) and keeps matching images with prompts (image–text alignment, weight β).
    2. The gradient g of these two gives each weight an importance F = g² / mean(g²), per tensor.
    3. On the task's images: cross-entropy against the first-template prompts of its classes.
    4. AdamW moves along g + ∇CE + 2 λ F (θ - θ_prev), with θ_prev the weights at the start of the task.

    Where code and paper differ, the code made the published numbers and is the default: scaled and tempered
    logits, smoothed alignment targets, importances normalised per tensor; :mod:`clbench_gift.traps` declares
    the settings that give the formulas, and those that give the code's bugs. The teacher is the previous
    task's model.

    Computed once instead of every step, with the same result: the teacher's embeddings of all generated
    images and prompts, each distinct prompt of a batch, and the penalty's gradient without autograd.
    """

    settings: GIFTSettings

    def __init__(self, backbone: Backbone, settings: GIFTSettings, context: Context) -> None:
        super().__init__(backbone, settings, context)
        self._earlier_prompts: list[str] = []

    def learn(self, task: TrainingTask) -> None:
        """Learn a task; the model as it is now is the teacher and the anchor."""
        settings = self.settings
        parameters = [parameter for _, parameter in self.backbone.trainable()]
        twice = settings.summed_in_place and settings.consolidation == "awc"
        consolidation = Consolidation(
            parameters,
            kind=settings.consolidation,
            coefficient=settings.consolidation_weight * (2 if twice else 1),
            normalised=settings.fisher_normalised,
            static=settings.static_awc,
        )
        unzeroed = Unzeroed(parameters, after=settings.static_awc) if settings.unzeroed else None
        synthetic = batches = None
        if settings.distillation or settings.alignment:
            synthetic = self._synthetic(task)
            batches = self.context.batches(synthetic.images, settings.synthetic_batch_size, name="synthetic")

        def step(k: int, batch: Batch) -> Losses:
            losses: dict[str, Tensor] = {}
            if synthetic is not None and batches is not None and not (unzeroed and unzeroed.began(k)):
                self.context.backward(self._synthetic_losses(next(batches), synthetic))
                consolidation.observe(k, self.context.gradient_scale)
                if twice:
                    torch._foreach_mul_([p.grad for p in parameters if p.grad is not None], 2.0)
            elif synthetic is not None and batches is not None and twice:
                losses |= self._synthetic_losses(next(batches), synthetic)
            smoothing = settings.label_smoothing
            losses["cross_entropy"] = self.task_loss(batch, task.labels, label_smoothing=smoothing)
            if settings.official_compute and consolidation.pulls:
                losses["consolidation"] = consolidation.penalty()
            return losses

        def consolidate(k: int) -> None:
            if not settings.official_compute:
                consolidation.add_gradient()
            if unzeroed is not None:
                unzeroed.carry(k)

        try:
            self.context.fit(
                task,
                parameters,
                step,
                **settings.loop(task.rate_scale),
                weight_decay=settings.weight_decay,
                before_optimizer=consolidate,
                state=[consolidation, *([unzeroed] if unzeroed is not None else [])],
            )
        finally:
            self.backbone.model.zero_grad(set_to_none=True)
            self.weights_changed()
        self._earlier_prompts += task.labels.first_prompts

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "earlier_prompts": list(self._earlier_prompts)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self._earlier_prompts = list(state["earlier_prompts"])

    # -- losses -------------------------------------------------------------------------------------

    def _synthetic_losses(self, batch: Batch, synthetic: Synthetic) -> Losses:
        settings, device = self.settings, batch.images.device
        ids = synthetic.prompt_ids[batch.indices]
        prompts = [synthetic.prompts[i] for i in ids.tolist()]
        if synthetic.teacher is None:
            teacher_images = synthetic.teacher_images[batch.indices.to(device)]
            teacher_texts = synthetic.teacher_prompts[ids.to(device)]
        else:
            with torch.no_grad():
                teacher_images = F.normalize(synthetic.teacher.encode_image(batch.images).float(), dim=-1)
                teacher_texts = text_features(synthetic.teacher, prompts).float()
        images, texts = teacher_images, teacher_texts
        if settings.synthetic_gradient != "text_only":
            images = self._embed(batch.images)
        if settings.synthetic_gradient != "image_only":
            texts = text_features(self.backbone, prompts)
        student, teacher = cosines(images, texts), cosines(teacher_images, teacher_texts)
        scale = self.backbone.scale.detach()
        losses: dict[str, Tensor] = {}
        if settings.distillation:
            if settings.distillation_loss == "feature_mse":
                halves = feature_distillation(images.float(), teacher_images, texts.float(), teacher_texts)
            else:
                reverse = settings.distillation_loss == "reverse_kl"
                distil = reverse_distillation if reverse else contrastive_distillation
                if settings.distillation_logits == "scaled":
                    halves = distil(scale * teacher, scale * student, settings.temperature)
                else:
                    halves = distil(teacher, student, 1.0)
            losses["distillation"] = settings.distillation * sum(halves, torch.zeros(()).to(student))
        if settings.alignment:
            halves = image_text_alignment(scale * student, ids, settings.alignment_smoothing)
            losses["alignment"] = settings.alignment * sum(halves, torch.zeros(()).to(student))
        return losses

    def _embed(self, images: Tensor) -> Tensor:
        return F.normalize(self.backbone.encode_image(images), dim=-1)

    # -- generated images ---------------------------------------------------------------------------

    def _synthetic(self, task: TrainingTask) -> Synthetic:
        """Images of the pool's classes and of earlier tasks' classes, and the teacher's embeddings."""
        settings = self.settings
        teacher = self.backbone if settings.teacher == "previous" else self.initial
        pool = prompt_pool(self.context.class_pool, settings.pool_template, self._earlier_prompts)
        if not pool:
            raise DataError("GIFT has nothing to generate for the first task", why="the class pool is empty")
        generated = self.context.generate(
            draw_prompts(pool, settings.num_images, task=task.index, seed=settings.image_seed),
            image_seeds(settings.num_images, task=task.index, seed=settings.image_seed),
            steps=settings.denoising_steps,
            guidance=settings.guidance,
        )
        generated.keep_sheet(self.context.scratch / f"generated-{task.index + 1:02d}-{task.key}.png")
        images, prompts = without_black(generated, task.key, self.backbone.preprocessing)
        distinct = tuple(dict.fromkeys(prompts))
        position = {prompt: i for i, prompt in enumerate(distinct)}
        with torch.no_grad():
            return Synthetic(
                images,
                distinct,
                torch.tensor([position[prompt] for prompt in prompts]),
                image_features(teacher, images),
                text_features(teacher, distinct).float(),
                teacher.copy().freeze() if settings.official_compute else None,
            )
