"""GMAIL: generated images as a modality of their own, aligned with the real ones and then learned from.

Source: Mo & Yun, "GMAIL: Generative Modality Alignment for generated Image Learning", ICML 2025. The paper
trains on one fixed set of pairs and says nothing of tasks; what a stream of them needs is marked [ours].

Two flows lead into one space. *Real images* go through f_r, CLIP's image tower as pre-trained, which is
frozen for ever. *Generated images* go through f_g, the same tower with low-rank adapters. The paper aligns
f_g with f_r, trains a model behind f_g on generated images, and tests that model behind f_r on real ones.
For each task:

1. Generate images from the training prompts of its classes [ours: the paper has captions].
2. Align: train f_g's adapters so that a generated image comes to lie where a real training image of its class
   is.
3. Keep the aligned embeddings of the generated images with their prompts. As f_r never moves, they stay
   aligned while later tasks are learned, and stand for the images of this task's classes [ours].
4. Learn: train low-rank adapters of the text tower, which makes the classifier, by cross-entropy on the
   task's real images through f_r and on the kept embeddings [ours: the paper trains other models behind f_g].

At test an image goes through f_r alone: f_g and its adapters take no part, no task is told or guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from clbench import Backbone, Batch, ConfigError, Method, TrainingTask
from clbench.methods import Context, Losses, warmup_cosine
from clbench.models import cosines, image_features, text_features
from clbench.models.features import CosineScorer
from clbench.streams import LabelSpace
from torch import Tensor, nn

from clbench_gmail.lora import TowerLoRA
from clbench_gmail.losses import alignment
from clbench_gmail.pairs import Pairs, generated_pairs
from clbench_gmail.rehearsal import Rehearsal
from clbench_gmail.settings import GMAILSettings

__all__ = ["GMAIL"]


class GMAIL(Method):
    """Train low-rank adapters alone: f_g's on pairs of images, the text tower's on both kinds of images.

    Computed once instead of every step, with the same result: f_r's embeddings of the real images (unless
    they are cropped), and each distinct prompt of a step.
    """

    settings: GMAILSettings

    def __init__(self, backbone: Backbone, settings: GMAILSettings, context: Context) -> None:
        super().__init__(backbone, settings, context)
        self.backbone.freeze()
        self._text = self._adapted(self.backbone, "transformer")
        self._generated: dict[str, Tensor] = {}
        self._rehearsal = Rehearsal()
        self._scorer = CosineScorer(self.backbone)

    def learn(self, task: TrainingTask) -> None:
        """Generate, align and keep; then train the text tower."""
        earlier = len(self._rehearsal)
        trained = self.context.measured.trainable_parameters
        before = len(trained)
        if self.settings.rehearsal > 0:
            self._keep_generated(task)
        self._learn_texts(task, earlier if self.settings.rehearse == "earlier" else len(self._rehearsal))
        trained[before:] = [sum(trained[before:])]  # both trainings together are the task's

    def score(self, images: Tensor, labels: LabelSpace) -> Tensor:
        """100 · cosine of f_r's embedding and the class's, averaged over its templates."""
        return self._scorer.score(images, labels)

    def state_dict(self) -> dict[str, Any]:
        """The adapters and the kept embeddings; all else is the pre-trained model."""
        return {
            "text": self._text.state_dict(),
            "generated": dict(self._generated),
            "rehearsal": self._rehearsal.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._text.load_state_dict(state["text"])
        self._generated = dict(state["generated"])
        self._rehearsal.load_state_dict(state["rehearsal"], self.backbone.device)
        self._scorer.forget()

    # -- the generated flow -------------------------------------------------------------------------

    def _keep_generated(self, task: TrainingTask) -> None:
        """Align f_g on the task's generated and real images, and keep what it makes of the generated ones."""
        pairs = generated_pairs(task, self.context, self.settings)
        flow = self.context.initial.copy().freeze()
        adapter = self._adapted(flow, "visual")
        if self._generated:
            adapter.load_state_dict(self._generated)
        if self.settings.align_iterations > 0:
            self._align(task, flow, adapter, pairs)
        if self.settings.adapter == "continued":
            self._generated = adapter.state_dict()
        prompts = task.labels.first_prompts
        self._rehearsal.add(image_features(flow, pairs.images), [prompts[c] for c in pairs.classes.tolist()])

    def _align(self, task: TrainingTask, flow: Backbone, adapter: TowerLoRA, pairs: Pairs) -> None:
        """Train f_g's adapters by InfoNCE; each generated image meets a random real image of its class."""
        settings = self.settings
        Z_real = self.context.initial_features(task.train)
        temperature = settings.temperature or 1.0 / float(self.context.initial.scale)
        generator = self.context.generator("partners")

        def step(_k: int, batch: Batch) -> Losses:
            drawn = pairs.classes[batch.indices]
            partner = pairs.partners.draw(drawn, generator).to(Z_real.device)
            loss = alignment(
                F.normalize(flow.encode_image(batch.images), dim=-1),
                Z_real[partner],
                temperature,
                classes=drawn if settings.target == "class" else None,
                symmetric=settings.symmetric,
            )
            return {"alignment": loss}

        self.context.fit(
            task,
            adapter.parameters.values(),
            step,
            steps=settings.align_iterations,
            schedule=warmup_cosine(
                settings.align_lr, warmup=settings.align_warmup, iterations=settings.align_iterations
            ),
            batches=self.context.batches(pairs.images, settings.align_batch_size, name="generated"),
            state=(),
        )

    # -- the classifier -----------------------------------------------------------------------------

    def _learn_texts(self, task: TrainingTask, rehearsed: int) -> None:
        """Cross-entropy on the task's real images, and on the first ``rehearsed`` kept embeddings."""
        settings = self.settings
        prompts = task.labels.first_prompts
        s = self.backbone.scale.detach()
        generator = self.context.generator("rehearsal")
        Z_real = None if settings.augment else self.context.initial_features(task.train)

        def step(_k: int, batch: Batch) -> Losses:
            Z = self._embed(batch) if Z_real is None else Z_real[batch.indices.to(Z_real.device)]
            if not rehearsed:
                logits = s * cosines(Z, text_features(self.backbone, prompts))
                return {"ce": F.cross_entropy(logits, batch.labels, label_smoothing=settings.label_smoothing)}
            drawn = self._rehearsal.draw(settings.rehearsal_batch_size, generator, most=rehearsed)
            W = text_features(self.backbone, (*prompts, *drawn.prompts))
            logits = s * cosines(Z, W[: len(prompts)])
            again = s * cosines(drawn.features, W[len(prompts) :])
            return {
                "ce": F.cross_entropy(logits, batch.labels, label_smoothing=settings.label_smoothing),
                "rehearsal": settings.rehearsal * F.cross_entropy(again, drawn.targets),
            }

        self.context.fit(
            task,
            self._text.parameters.values(),
            step,
            steps=settings.iterations,
            schedule=warmup_cosine(
                settings.lr * task.rate_scale, warmup=settings.warmup, iterations=settings.iterations
            ),
            batch_size=settings.batch_size,
            augment=settings.augment,
            state=(),
        )
        self._scorer.forget()

    @torch.no_grad()
    def _embed(self, batch: Batch) -> Tensor:
        return F.normalize(self.backbone.encode_image(batch.images), dim=-1)

    def _adapted(self, backbone: Backbone, tower: str) -> TowerLoRA:
        """Put adapters into ``visual``, or into ``transformer``: the blocks of the text tower."""
        model = backbone.model
        # open_clip's CustomTextCLIP keeps a text tower of its own.
        module = getattr(model if tower == "visual" else getattr(model, "text", model), tower, None)
        if not isinstance(module, nn.Module):
            raise ConfigError(
                f"the backbone {backbone.name!r} has no {tower} to adapt",
                why="gmail adapts the layers of open_clip's own CLIP models",
                fix="choose a backbone such as ViT-B-16",
            )
        settings = self.settings
        return TowerLoRA(module, rank=settings.rank, alpha=settings.alpha, targets=settings.targets)
