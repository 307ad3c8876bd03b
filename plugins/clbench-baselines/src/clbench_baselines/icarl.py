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

from clbench_baselines.exemplars import ExemplarBatches, ExemplarMemory, herding
from clbench_baselines.finetune import FineTune
from clbench_baselines.settings import ICaRLSettings

__all__ = ["ICaRL"]

_CHUNK = 256


class ICaRL(FineTune):
    """Fine-tuning, distilled from the initial CLIP on exemplars of the classes learned before.

    As ZSCL's authors run it for their tables: the loss is the current task's cross-entropy and the two
    distillations of ZSCL, their images being the exemplars under the test transform and their texts the
    training prompts of the exemplars' classes; the teacher is the initial CLIP. In the first task there is
    nothing to distil. After each task the memory is shared out anew between all classes seen, and exemplars
    of the new ones are chosen by herding on the model's normalised embeddings.

    It answers as CLIP does; ``classifier=nearest_mean`` answers with the mean embedding of a class's
    exemplars, as the first paper does (Rebuffi et al., CVPR 2017, Algorithm 1).

    The exemplars' pixels are part of the state: earlier tasks' data cannot be asked for again.
    """

    settings: ICaRLSettings

    def __init__(self, backbone: Backbone, settings: ICaRLSettings, context: Context) -> None:
        super().__init__(backbone, settings, context)
        self._memory = ExemplarMemory(settings.memory)
        self._means: dict[str, Tensor] | None = None
        self._rows: dict[str, Tensor] = {}  # by label space, as the text classifiers of fine-tuning

    def learn(self, task: TrainingTask) -> None:
        if len(self._memory):
            distillation, exemplars = self._distillation()
            self._train(task, further_losses=distillation, state=[exemplars])
        else:
            self._train(task)
        self.weights_changed()
        self._remember(task)
        self.weights_changed()

    def _distillation(self) -> tuple[Callable[[], Losses], ExemplarBatches]:
        """Ask the teacher once for all exemplars; return the losses of a next batch, and the batches."""
        settings, memory, initial = self.settings, self._memory, self.context.initial
        Z_teacher = self._embed(initial, memory.all_pixels())
        with torch.no_grad():
            W_teacher = text_features(initial, memory.prompts)
        generator = self.context.generator("exemplars")
        batches = memory.batches(
            settings.exemplar_batch_size, initial.preprocessing, generator, self.context.device
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
        """Choose exemplars of the task's classes, in the room that earlier classes make for them."""
        memory, first = self._memory, len(self._memory.prompts)
        classes = first + len(task.classes)
        memory.make_room(classes)
        candidates = torch.arange(len(task.train))
        if len(candidates) > self.settings.herding_images:
            drawn = torch.randperm(len(candidates), generator=self.context.generator("herding"))
            candidates = drawn[: self.settings.herding_images].sort().values
        pixels = task.train.pixels(self.backbone.preprocessing)
        labels = torch.from_numpy(task.train.labels)[candidates]
        for label, prompt in enumerate(task.labels.first_prompts):
            own = torch.from_numpy(pixels[candidates[labels == label].numpy()].copy())
            count = memory.share(first + label, classes)
            chosen = herding(self._embed(self.backbone, own), count) if count and len(own) else slice(0, 0)
            memory.add(prompt, own[chosen].clone())

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
        if self._means is None:
            self._means = self._class_means()
        rows = text_classifier(self.backbone, labels, templates=self.test_templates).float()
        for column, prompt in enumerate(labels.first_prompts):
            if prompt in self._means:
                rows[column] = self._means[prompt]
        return rows

    def _class_means(self) -> dict[str, Tensor]:
        """Normalised mean embedding of each prompt's exemplars."""
        by_prompt: dict[str, list[Tensor]] = {}
        for prompt, pixels in zip(self._memory.prompts, self._memory.pixels, strict=True):
            if len(pixels):
                by_prompt.setdefault(prompt, []).append(pixels)
        return {
            prompt: F.normalize(self._embed(self.backbone, torch.cat(parts)).mean(dim=0), dim=-1)
            for prompt, parts in by_prompt.items()
        }

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "exemplars": self._memory.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self._memory.load_state_dict(state["exemplars"])
