"""iCaRL on CLIP, in the loop of ZSCL's authors: the model is distilled on exemplars of earlier tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from clbench import Backbone, Context, LabelSpace, TrainingTask
from clbench.methods import Losses
from clbench.models import cosines, text_classifier, text_features
from clbench_zscl.losses import image_text_distillation
from torch import Tensor

from clbench_baselines.exemplars import ExemplarBatches, ExemplarMemory
from clbench_baselines.finetune import FineTune
from clbench_baselines.remembering import remember
from clbench_baselines.settings import ICaRLSettings

__all__ = ["ICaRL"]

_CHUNK = 256


class ICaRL(FineTune):
    """Fine-tuning, distilled from the initial CLIP on exemplars of the tasks learned before.

    As ZSCL's authors run it for their tables: the loss is the current task's cross-entropy and the two
    distillations of ZSCL, their images being the exemplars under the test transform, in the memory's order,
    and their texts the training prompts of the *current* task's classes (``exemplar_texts=own``: of the
    exemplars' classes); the teacher is the initial CLIP. In the first task there is nothing to distil. After
    each task its data set gets room in the memory, and fills it by herding over the whole data set with one
    mean of the model's normalised embeddings; of the first data set the first images are taken as they come.
    ``groups=classes`` shares the memory between classes and herds in each, as the first paper does.

    It answers as CLIP does; ``classifier=nearest_mean`` answers with the mean embedding of a class's
    exemplars, as the first paper does (Rebuffi et al., CVPR 2017, Algorithm 1).

    The exemplars' pixels are part of the state: earlier tasks' data cannot be asked for again.

    Source: mtil/src/models/icarl.py, mtil/src/dynamic_dataset.py and mtil/src/models/finetune.py of
    Thunderbeee/ZSCL (commit b96e714).
    """

    settings: ICaRLSettings

    def __init__(self, backbone: Backbone, settings: ICaRLSettings, context: Context) -> None:
        super().__init__(backbone, settings, context)
        self._memory = ExemplarMemory()
        self._means: dict[str, Tensor] | None = None
        self._rows: dict[str, Tensor] = {}  # by label space, as the text classifiers of fine-tuning

    def learn(self, task: TrainingTask) -> None:
        if len(self._memory):
            distillation, exemplars = self._distillation(task)
            self._train(task, further_losses=distillation, state=[exemplars])
        else:
            self._train(task)
        self.weights_changed()
        self._remember(task)
        self.weights_changed()

    def _distillation(self, task: TrainingTask) -> tuple[Callable[[], Losses], ExemplarBatches]:
        """Ask the teacher once for all exemplars; return the losses of a next batch, and the batches."""
        settings, memory, initial = self.settings, self._memory, self.context.initial
        Z_teacher = self._embed(initial, memory.all_pixels())
        prompts = task.labels.first_prompts if settings.exemplar_texts == "current" else memory.prompts
        with torch.no_grad():
            W_teacher = text_features(initial, prompts)
        shuffled = settings.exemplar_order == "random"
        batches = memory.batches(
            settings.exemplar_batch_size,
            initial.preprocessing,
            self.context.device,
            generator=self.context.generator("exemplars") if shuffled else None,
        )

        def losses() -> Losses:
            batch = next(batches)
            Z = F.normalize(self.backbone.encode_image(batch.images), dim=-1)
            chosen = Z_teacher[batch.indices.to(Z_teacher.device)]
            s = self.backbone.scale.detach()
            image, text = image_text_distillation(Z, chosen, W_teacher, s, settings.temperature)
            return {
                "image distillation": settings.image_weight * image,
                "text distillation": settings.text_weight * text,
            }

        return losses, batches

    def _remember(self, task: TrainingTask) -> None:
        """Choose exemplars of the task, in the room that earlier ones make for them."""
        settings = self.settings
        candidates = torch.arange(len(task.train))
        if len(candidates) > settings.herding_images:
            if settings.herding_candidates == "random":
                drawn = torch.randperm(len(candidates), generator=self.context.generator("herding"))
                candidates = drawn[: settings.herding_images].sort().values
            candidates = candidates[: settings.herding_images]
        every = task.train.pixels(self.backbone.preprocessing)  # perhaps a file larger than memory

        def pixels(chosen: Tensor) -> Tensor:
            return torch.from_numpy(every[candidates[chosen].numpy()].copy())

        remember(
            self._memory,
            settings,
            labels=torch.from_numpy(task.train.labels)[candidates],
            prompts=task.labels.first_prompts,
            pixels=pixels,
            embed=lambda chosen: torch.cat(
                [self._embed(self.backbone, pixels(part)) for part in torch.split(chosen, _CHUNK)]
            ),
        )

    def _embed(self, model: Backbone, pixels: Tensor) -> Tensor:
        """Normalised embeddings (n, d), float32, of uint8 pixels (n, 3, size, size); without gradient."""
        with torch.no_grad():
            parts = [
                F.normalize(model.encode_image(model.preprocessing.normalise(part.to(model.device))).float())
                for part in torch.split(pixels, _CHUNK)
            ]
        return torch.cat(parts)

    # -- test ---------------------------------------------------------------------------------------

    def weights_changed(self) -> None:
        super().weights_changed()
        self._means = None
        self._rows.clear()

    @torch.no_grad()
    def score(self, images: Tensor, labels: LabelSpace) -> Tensor:
        """100 · cosine with the class's text embedding, or with the mean of its exemplars."""
        if self.settings.classifier == "clip":
            return super().score(images, labels)
        if labels.digest not in self._rows:
            self._rows[labels.digest] = self._nearest_mean_classifier(labels)
        Z = F.normalize(self.backbone.encode_image(images), dim=-1)
        return 100.0 * cosines(Z, self._rows[labels.digest])

    def _nearest_mean_classifier(self, labels: LabelSpace) -> Tensor:
        """One unit vector per class, (classes, d): of its exemplars, or of its prompts if it has none."""
        if self._means is None and len(self._memory):
            self._means = self._class_means()
        rows = text_classifier(self.backbone, labels, templates=self.test_templates).float()
        for column, prompt in enumerate(labels.first_prompts):
            if self._means and prompt in self._means:
                rows[column] = self._means[prompt]
        return rows

    def _class_means(self) -> dict[str, Tensor]:
        """Normalised mean embedding of each prompt's exemplars."""
        pixels, owners = self._memory.all_pixels(), self._memory.owners()
        by_prompt: dict[str, list[Tensor]] = {}
        for index, prompt in enumerate(self._memory.prompts):
            if (own := owners == index).any():
                by_prompt.setdefault(prompt, []).append(pixels[own])
        return {
            prompt: F.normalize(self._embed(self.backbone, torch.cat(parts)).mean(dim=0), dim=-1)
            for prompt, parts in by_prompt.items()
        }

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "exemplars": self._memory.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self._memory.load_state_dict(state["exemplars"])
