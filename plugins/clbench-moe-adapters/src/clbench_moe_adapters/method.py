"""MoE-Adapters (Yu et al., CVPR 2024): a frozen CLIP that grows by mixtures of adapters.

Every block of both towers has adapters beside its MLP. Each task has a router in every block that sends a
sequence to two of them; the ones that a task used most are frozen for the tasks to come. Which task an image
is of is told by autoencoders (DDAS): the one that reconstructs it best names the task, and images that none
knows are left to CLIP as it was.

What follows is what the authors' code does, where paper and code differ or the paper is silent:

* a router sees token 0 of a sequence behind the block's attention. In the vision tower that is the class
  token; in the text tower, under the causal mask, it is the same for every text, so that at test all texts
  take the same experts;
* the load-balance loss is computed there and thrown away: the loss is the cross-entropy alone
  (``load_balance``);
* ``iterations`` = 1000 are 1001 steps; so it is with the autoencoders' 300 and 1000;
* the task is chosen for a whole test batch by its mean error (``inference``: ``batch`` or ``per_sample``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from clbench import Backbone, Batch, ConfigError, Context, LabelSpace, Method, MethodError, TrainingTask
from clbench.methods import Losses, warmup_cosine
from clbench.models import cosines, text_classifier
from clbench.models.features import CosineScorer
from torch import Tensor

from clbench_moe_adapters.mixture import AdapterMixture
from clbench_moe_adapters.recognition import TaskRecognition
from clbench_moe_adapters.selection import CLIP
from clbench_moe_adapters.settings import MoEAdaptersSettings
from clbench_moe_adapters.texts import SharedTexts

__all__ = ["MoEAdapters"]


class MoEAdapters(Method):
    """Cross-entropy on adapters and routers in a frozen CLIP; autoencoders choose the task at test."""

    settings: MoEAdaptersSettings

    def __init__(self, backbone: Backbone, settings: MoEAdaptersSettings, context: Context) -> None:
        super().__init__(backbone, settings, context)
        missing = [key for key in context.task_keys if key not in settings.rates]
        if settings.rates and missing:
            raise ConfigError(
                f"moe-adapters.rates has no learning rate for {', '.join(missing)}",
                why=f"it has {', '.join(settings.rates)}; with rates, every task of the stream needs one",
                fix="add what is missing, or use one rate for all: --set moe-adapters.rates={}",
            )
        self.backbone.freeze()
        self.adapters = AdapterMixture(
            self.backbone.model,
            tasks=len(context.task_keys),
            experts=settings.experts,
            top_k=settings.top_k,
            bottleneck=settings.bottleneck,
            scale=settings.adapter_scale,
            dropout=settings.dropout,
            towers=settings.towers,
            generator=context.generator("adapters"),
        )
        self.recognition = TaskRecognition(settings, context)
        self._texts = SharedTexts(self.backbone)
        self._clip = CosineScorer(context.initial, settings.test_templates)
        self._classifiers: dict[tuple[int, str], Tensor] = {}

    # -- training -----------------------------------------------------------------------------------

    def learn(self, task: TrainingTask) -> None:
        """Train the task's routers and the experts left to it, then its autoencoder.

        The first task also trains the autoencoder of the reference data. The autoencoders' parameters count
        among the trained ones.
        """
        if not 0 <= task.index < self.adapters.tasks:
            raise MethodError(
                f"task {task.key} has index {task.index}, but there are routers for {self.adapters.tasks}"
            )
        settings = self.settings
        length, balance = self._text_length(task.labels.first_prompts), settings.load_balance

        def step(_k: int, batch: Batch) -> Losses:
            with self.adapters.routed(task.index, training=True, text_length=length, weigh=balance > 0):
                W = text_classifier(self.backbone, task.labels, templates="first")
                Z = F.normalize(self.backbone.encode_image(batch.images), dim=-1)
            logits = self.backbone.scale * cosines(Z, W)
            loss = F.cross_entropy(logits, batch.labels, label_smoothing=settings.label_smoothing)
            if balance > 0:
                return {"cross-entropy": loss, "load balance": balance * self.adapters.imbalances()}
            return {"cross-entropy": loss}

        with self.adapters.trainable(task.index) as parameters:
            self.context.fit(
                task,
                parameters,
                step,
                steps=settings.iterations + 1,
                schedule=warmup_cosine(
                    settings.rates.get(task.key, settings.lr),
                    warmup=settings.warmup,
                    iterations=settings.iterations,
                ),
                batch_size=settings.batch_size,
                state=[self.adapters.counters],
            )
        self.adapters.freeze_most_used(settings.frozen_experts, free=settings.frozen_among == "free")
        self._classifiers.clear()  # also those of earlier tasks: their experts may have moved

        trained = 0
        if not self.recognition.knows_reference:
            trained += self.recognition.learn_reference(self.context.reference.images)
        trained += self.recognition.learn_task(task)
        self.context.measured.trainable_parameters[-1] += trained

    def _text_length(self, texts: Sequence[str]) -> int | None:
        """Positions up to the last end-of-text token; ``None`` where all are to be computed."""
        backbone = self.backbone
        if backbone.official_compute or getattr(backbone.model, "text_pool_type", None) != "argmax":
            return None
        return int(backbone.tokenize(list(dict.fromkeys(texts))).argmax(dim=-1).max()) + 1

    # -- inference ----------------------------------------------------------------------------------

    @torch.no_grad()
    def score(self, images: Tensor, labels: LabelSpace) -> Tensor:
        """100 · cosine of image and class embeddings, with the routers of the task that is inferred.

        Before the first task, and for images of no learned task, it is CLIP.
        """
        chosen = self.decide(images)
        logits = torch.empty(len(images), len(labels), device=images.device)
        for task in sorted(set(chosen.tolist())):
            rows = (chosen == task).nonzero().squeeze(1)
            part = images if len(rows) == len(images) else images[rows]
            logits[rows] = self._score_as(task, part, labels).float()
        return logits

    @torch.no_grad()
    def decide(self, images: Tensor) -> Tensor:
        """Tasks whose routers normalised images get: int64 (batch,); -1 leaves an image to CLIP."""
        return self.recognition.decide(images)

    def _score_as(self, task: int, images: Tensor, labels: LabelSpace) -> Tensor:
        if task == CLIP:
            return self._clip.score(images, labels)
        key = (task, labels.digest)
        if key not in self._classifiers:
            with self.adapters.routed(task):
                classifier = text_classifier(self._texts, labels, templates=self.settings.test_templates)
            self._classifiers[key] = classifier.float()
        with self.adapters.routed(task):
            features = F.normalize(self.backbone.encode_image(images).float(), dim=-1)
        return 100.0 * cosines(features, self._classifiers[key])

    # -- state --------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        return {"adapters": self.adapters.state_dict(), "recognition": self.recognition.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.adapters.load_state_dict(state["adapters"])
        self.recognition.load_state_dict(state["recognition"])
        self._classifiers.clear()
