"""Telling which task an image is of: autoencoders trained and asked on features of frozen networks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from clbench import Context, TrainingTask
from clbench.streams import ImageSet
from torch import Tensor

from clbench_moe_adapters.autoencoder import Autoencoder, train_autoencoder
from clbench_moe_adapters.features import task_features
from clbench_moe_adapters.selection import CLIP, REFERENCE, Entry, TaskSelector
from clbench_moe_adapters.settings import MoEAdaptersSettings

__all__ = ["TaskRecognition"]


class TaskRecognition:
    """DDAS: an autoencoder for the reference data and for each learned task, asked at test.

    Raises:
        ConfigError: the features cannot be had.
    """

    def __init__(self, settings: MoEAdaptersSettings, context: Context) -> None:
        self._settings = settings
        self._context = context
        self._features = task_features(settings.features, context.initial)
        self.selector = TaskSelector()

    @property
    def knows_reference(self) -> bool:
        """Whether the reference data have their autoencoder."""
        return REFERENCE in self.selector

    def learn_reference(self, images: ImageSet) -> int:
        """Train the autoencoder of the reference data; returns its number of parameters."""
        return self._learn(REFERENCE, images, self._settings.reference_iterations, "the reference data")

    def learn_task(self, task: TrainingTask) -> int:
        """Train a task's autoencoder; returns its number of parameters."""
        return self._learn(task.index, task.train, self._settings.autoencoder_iterations, f"task {task.key}")

    @torch.no_grad()
    def decide(self, images: Tensor) -> Tensor:
        """Tasks of normalised images (batch, 3, size, size): int64 (batch,), :data:`CLIP` for none."""
        if not self.selector.tasks:
            return torch.full((len(images),), CLIP, device=images.device)
        per_sample = self._settings.inference == "per_sample"
        return self.selector.select(self._features(images), per_sample=per_sample)

    def state_dict(self) -> dict[str, Any]:
        return self.selector.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.selector.load_state_dict(state, self._context.device)

    def _learn(self, key: int, images: ImageSet, iterations: int, where: str) -> int:
        """Train on random crops of ``images``, or on their test view, and set the threshold."""
        settings, context = self._settings, self._context
        size, augment = settings.autoencoder_batch_size, settings.autoencoder_augment
        name = f"autoencoder of {where}"
        batches = context.batches(images, size, name=name, augment=augment)
        if augment:
            inputs = (self._features(batch.images) for batch in batches)
        else:
            x = torch.cat(list(self._test_views(images)))
            inputs = (x[batch.indices.to(x.device)] for batch in batches)
        width = next(self._test_views(images)).shape[1]
        autoencoder = Autoencoder(width, settings.code, context.generator(f"{name}, weights"))
        autoencoder.to(context.device)
        train_autoencoder(
            autoencoder,
            inputs,
            steps=iterations + 1,
            epoch=math.ceil(len(images) / size),
            rate=settings.autoencoder_lr,
            decay_epochs=settings.autoencoder_decay_epochs,
            weight_decay=settings.autoencoder_weight_decay,
            where=where,
            progress=lambda done, total, loss: context.report("autoencoder", done, total, loss),
        )
        self.selector.add(key, Entry(autoencoder, self._threshold(autoencoder, images)))
        return sum(p.numel() for p in autoencoder.parameters())

    def _threshold(self, autoencoder: Autoencoder, images: ImageSet) -> float:
        """The given threshold, or the quantile of the errors of the training images under the test view."""
        if self._settings.threshold != "quantile":
            return self._settings.threshold
        errors = torch.cat([autoencoder.errors(x) for x in self._test_views(images)])
        return float(errors.double().quantile(self._settings.quantile))

    def _test_views(self, images: ImageSet) -> Iterator[Tensor]:
        """Features of all images under the test view, 256 at a time."""
        preprocessing = self._context.initial.preprocessing
        pixels = images.pixels(preprocessing)
        for start in range(0, len(images), 256):
            part = torch.from_numpy(pixels[start : start + 256].copy()).to(self._context.device)
            yield self._features(preprocessing.normalise(part))
