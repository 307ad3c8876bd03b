"""DIKI: prompts in a residual branch, weighed at test by how likely the image is under the task's images."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from clbench import Backbone, Batch, Context, LabelSpace, Method, MethodError, TrainingTask
from clbench.methods import Losses, Settings, cosine
from clbench.models import text_classifier, text_features
from clbench.models.remembering import BoundedCache, Remembered, content_key
from torch import Tensor, nn

from clbench_diki.gaussian import TaskGaussian
from clbench_diki.inference import Decision, batch_vote, per_sample
from clbench_diki.prompts import PromptPool, Prompts
from clbench_diki.settings import DIKISettings

__all__ = ["DIKI"]

_CACHE_BYTES = 256 * 2**20


class DIKI(Method):
    """Distribution-aware Interference-free Knowledge Integration (Tang et al., ECCV 2024).

    CLIP stays frozen. Each task has prompts, which enter the first blocks' attention of both towers as a
    residual branch; since its values start at zero, learning starts from CLIP itself. A Gaussian over the
    frozen embeddings of each task's training images tells at test whose prompts to take and how much of
    them.

    Where the paper and the authors' code differ, the code's behaviour is the default:

    * the paper matches each image by itself, the code takes a vote over the test batch
      (``inference``: ``batch_vote`` or ``per_sample``);
    * the paper's weight is a sigmoid of the log density, the code's ``sigmoid(log density / 512 - 1)``
      (``score_scale``).

    :mod:`clbench_diki.traps` declares the settings that choose between them.
    """

    settings: DIKISettings

    def __init__(self, backbone: Backbone, settings: DIKISettings, context: Context) -> None:
        super().__init__(backbone, settings, context)
        self.backbone.freeze()
        self.pool = PromptPool(
            self.backbone.model,
            tasks=len(context.task_keys),
            depth=settings.depth,
            slots=settings.length,
            generator=context.generator,
        )
        self.gaussians: dict[int, TaskGaussian] = {}
        # A task's prompts never change once learned, and test batches come back after every task: what is
        # computed for the same batch, prompts and weights is the same bit for bit.
        room = 0 if settings.official_compute else _CACHE_BYTES
        self._frozen = Remembered(self._encode_frozen, capacity=room)
        self._images: BoundedCache[tuple[Decision, Tensor]] = BoundedCache(
            room, lambda value: _bytes(value[1])
        )
        self._classifiers: BoundedCache[Tensor] = BoundedCache(room, _bytes)

    @classmethod
    def declares(cls, settings: Settings) -> Mapping[str, str | float | bool]:
        assert isinstance(settings, DIKISettings)
        return {
            "task identity": {
                "batch_vote": "one task for a whole test batch, by majority vote",
                "per_sample": "inferred from each image by itself",
            }[settings.inference]
        }

    # -- training -----------------------------------------------------------------------------------

    def learn(self, task: TrainingTask) -> None:
        """Fit the task's Gaussian, then train its prompts by cross-entropy with weight 1.

        With a validation split the prompts of the best epoch are kept (the first of equals), as the authors
        do; without one those of the last.
        """
        if not 0 <= task.index < self.pool.tasks:
            raise MethodError(
                f"task {task.key} has index {task.index}, but the pool has {self.pool.tasks} slots"
            )
        if task.index in self.gaussians:
            self._forget()
        settings = self.settings
        self.gaussians[task.index] = self._new_gaussian().fit(self.context.initial_features(task.train))

        prompts = {name: nn.Parameter(p.clone()) for name, p in self.pool.of_task(task.index).items()}
        best = _Best()
        epoch = math.ceil(len(task.train) / settings.batch_size)
        steps = settings.steps or settings.epochs * epoch

        def step(_k: int, batch: Batch) -> Losses:
            if settings.official_compute:
                # The authors' forward runs the frozen tower too, and reads it at test alone.
                with torch.no_grad():
                    self.initial.encode_image(batch.images)
            with self.pool.injected(prompts):
                images = F.normalize(self.backbone.encode_image(batch.images), dim=-1)
                texts = text_features(self.backbone, task.labels.first_prompts)
            logits = self.backbone.scale * images @ texts.T
            return {"cross_entropy": F.cross_entropy(logits, batch.labels)}

        def after_step(k: int) -> None:
            if task.validation is not None and ((k + 1) % epoch == 0 or k + 1 == steps):
                best.offer(self._validation_accuracy(task, prompts), prompts)

        self.context.fit(
            task,
            prompts.values(),
            step,
            steps=steps,
            schedule=cosine(settings.lr, final=settings.final_lr, steps=steps),
            batch_size=settings.batch_size,
            optimizer="sgd",
            augment=False,
            after_step=after_step,
            state=[best],
        )
        self.pool.write(task.index, best.prompts or prompts)

    @torch.no_grad()
    def _validation_accuracy(self, task: TrainingTask, prompts: Prompts) -> float:
        """Share of validation images named right with the task's prompts at weight 1."""
        assert task.validation is not None
        preprocessing = self.backbone.preprocessing
        pixels = torch.from_numpy(task.validation.pixels(preprocessing).copy())
        labels = torch.from_numpy(task.validation.labels)
        right = 0
        with self.pool.injected(prompts):
            texts = text_features(self.backbone, task.labels.first_prompts)
            for part, truth in zip(torch.split(pixels, 256), torch.split(labels, 256), strict=True):
                images = self.backbone.encode_image(preprocessing.normalise(part.to(self.backbone.device)))
                right += int(((images @ texts.T).argmax(dim=-1).cpu() == truth).sum())
        return right / len(labels)

    # -- inference ----------------------------------------------------------------------------------

    @torch.no_grad()
    def score(self, images: Tensor, labels: LabelSpace) -> Tensor:
        """s · cosine of image and class embeddings, with the prompts that the images' densities choose.

        Before the first task it is CLIP.
        """
        if not self.gaussians:
            features = F.normalize(self.backbone.encode_image(images).float(), dim=-1)
            return self.backbone.scale * (features @ self._classifier(labels, None, 0.0).T)
        decision, features = self._prompted_images(images)
        logits = features.new_empty(len(images), len(labels))
        for task, weight, positions in decision.groups():
            # float(): under mixed precision the product is narrower than the features
            logits[positions] = (features[positions] @ self._classifier(labels, task, weight).T).float()
        return self.backbone.scale * logits

    def decide(self, images: Tensor) -> Decision:
        """Which task's prompts normalised images (batch, 3, size, size) get, and with what weights.

        Raises:
            MethodError: no task has been learned.
        """
        if not self.gaussians:
            raise MethodError("no task has been learned yet, so there are no prompts to choose from")
        features = self._frozen(images)
        if self.settings.inference == "batch_vote":
            return batch_vote(
                features,
                self.gaussians,
                calibrated=self.settings.calibrated,
                by_winner=self.settings.vote_weight == "winner",
            )
        return per_sample(
            features, self.gaussians, calibrated=self.settings.calibrated, levels=self.settings.text_levels
        )

    def _encode_frozen(self, images: Tensor) -> Tensor:
        """L2-normalised embeddings by the initial model."""
        return F.normalize(self.initial.encode_image(images).float(), dim=-1)

    def _prompted_images(self, images: Tensor) -> tuple[Decision, Tensor]:
        """The decision for a batch and the L2-normalised embeddings that follow from it."""
        decision, key = self.decide(images), content_key(images)
        known = self._images.get(key) if key is not None else None
        if known is not None and known[0].same(decision):
            return known
        with self.pool.injected(self.pool.of_samples(decision.tasks), decision.weights):
            features = F.normalize(self.backbone.encode_image(images).float(), dim=-1)
        if key is not None:
            self._images.put(key, (decision, features))
        return decision, features

    def _classifier(self, labels: LabelSpace, task: int | None, weight: float) -> Tensor:
        """Text embeddings (classes, d) with a task's prompts at this weight."""
        key = (labels.digest, task, weight) if weight else (labels.digest, None, 0.0)
        classifier = self._classifiers.get(key)
        if classifier is None:
            if task is None or not weight:
                classifier = self._encode(labels)
            else:
                with self.pool.injected(self.pool.of_task(task), weight):
                    classifier = self._encode(labels)
            self._classifiers.put(key, classifier)
        return classifier

    def _encode(self, labels: LabelSpace) -> Tensor:
        return text_classifier(self.backbone, labels, templates=self.settings.test_templates).float()

    # -- state --------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        return {
            "prompts": self.pool.state_dict(),
            "gaussians": {str(task): gaussian.state_dict() for task, gaussian in self.gaussians.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.pool.load_state_dict(state["prompts"])
        self.gaussians = {}
        for task, saved in state["gaussians"].items():
            self.gaussians[int(task)] = self._new_gaussian()
            self.gaussians[int(task)].load_state_dict(saved)
        self._forget()

    def _new_gaussian(self) -> TaskGaussian:
        settings = self.settings
        return TaskGaussian(
            jitter=settings.jitter,
            score_scale=settings.score_scale,
            score_shift=settings.score_shift,
            factorise_always=settings.official_compute,
        )

    def _forget(self) -> None:
        """Drop what was computed with prompts that are about to change."""
        self._images.clear()
        self._classifiers.clear()


class _Best:
    """The prompts of the best epoch so far; the first of equals stays."""

    def __init__(self) -> None:
        self.accuracy = -1.0
        self.prompts: dict[str, Tensor] | None = None

    def offer(self, accuracy: float, prompts: Prompts) -> None:
        if accuracy > self.accuracy:
            self.accuracy = accuracy
            self.prompts = {name: p.detach().clone() for name, p in prompts.items()}

    def state_dict(self) -> dict[str, Any]:
        return {"accuracy": self.accuracy, "prompts": self.prompts}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.accuracy, self.prompts = state["accuracy"], state["prompts"]


def _bytes(tensor: Tensor) -> int:
    return tensor.nbytes
