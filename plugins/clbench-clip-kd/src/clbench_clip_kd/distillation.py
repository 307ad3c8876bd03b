"""CLIP-KD as published: a student is trained on image–text pairs with a frozen, larger teacher."""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

import numpy as np
import torch
from clbench import Backbone, Batch
from clbench.errors import ConfigError, NotFiniteError
from clbench.methods import EndlessBatches, Reference, warmup_cosine
from clbench.methods.fit import autocast
from clbench.results.checked import DamagedError, Identity, read_checked, writing
from torch import Tensor

from clbench_clip_kd.losses import Embeddings
from clbench_clip_kd.masking import masked_patches, require_patches
from clbench_clip_kd.objective import Objective
from clbench_clip_kd.optimizing import parameter_groups, steps_per_epoch
from clbench_clip_kd.settings import DistillSettings
from clbench_clip_kd.teaching import Teacher, encode_distinct

__all__ = ["Distillation", "Epoch"]


@dataclass(frozen=True)
class Epoch:
    """What became of one pass over the pairs.

    Attributes:
        number: from 1.
        losses: means over its steps, weighted, by name.
        scale: exp(logit_scale) of the student at its end.
        seconds: how long it took.
    """

    number: int
    losses: dict[str, float]
    scale: float
    seconds: float


class Distillation:
    """One student's training.

    Args:
        teacher: frozen, and not changed.
        student: trained in place; see :func:`clbench_clip_kd.students.build_student`.
        pairs: images and as many captions.
        settings: the objective and the training.
        config: the student's model configuration; a checkpoint of another one is refused.
        seed: decides orders, crops and masks, epoch by epoch: a resumed training equals a straight one.
        precision: of the forward passes.

    Raises:
        ConfigError: the settings do not suit the pairs, or the student has no patches to mask.
    """

    def __init__(
        self,
        teacher: Backbone,
        student: Backbone,
        pairs: Reference,
        settings: DistillSettings,
        *,
        config: Mapping[str, Any] | None = None,
        seed: int = 0,
        precision: Literal["fp32", "bf16"] = "fp32",
    ) -> None:
        self.steps_per_epoch = steps_per_epoch(settings, len(pairs.images), len(pairs.texts))
        if settings.masks:
            require_patches(student.model)
        self.teacher, self.student, self.pairs, self.settings = teacher, student, pairs, settings
        self.config = dict(config or {})
        self.seed = seed
        self.precision: Literal["fp32", "bf16"] = precision
        self.epochs_done = 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.objective = Objective(settings, student.width, teacher.width).to(student.device)
        self.optimizer = torch.optim.AdamW(
            parameter_groups(student.model, self.objective, settings),
            lr=settings.lr,
            betas=(settings.beta1, settings.beta2),
            eps=settings.eps,
        )
        self._schedule = warmup_cosine(
            settings.lr, warmup=settings.warmup, iterations=settings.epochs * self.steps_per_epoch
        )

    def run(self, checkpoint: Path | None = None, report: Callable[[Epoch], None] | None = None) -> None:
        """Train to the last epoch, from ``checkpoint`` on where there is one; it is written after each epoch.

        Raises:
            ConfigError: the checkpoint is of another training.
            NotFiniteError: a loss is not finite.
        """
        if checkpoint is not None and checkpoint.exists():
            self._load(checkpoint)
        if self.epochs_done == self.settings.epochs:
            return
        teacher = Teacher(self.teacher, self.pairs, fixed=not self.settings.augment)
        while self.epochs_done < self.settings.epochs:
            epoch = self._epoch(self.epochs_done, teacher)
            self.epochs_done += 1
            if checkpoint is not None:
                self._save(checkpoint)
            if report is not None:
                report(epoch)

    # -- training -----------------------------------------------------------------------------------

    def _epoch(self, index: int, teacher: Teacher) -> Epoch:
        began = perf_counter()
        sums: dict[str, float] = {}
        device = self.student.device
        self.student.model.train()
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            seed = int(np.random.SeedSequence([self.seed, index]).generate_state(1)[0])
            torch.manual_seed(seed)  # masks are drawn from the global generator
            batches = EndlessBatches(
                self.pairs.images,
                self.settings.batch_size,
                self.teacher.preprocessing,
                torch.Generator().manual_seed(seed),
                augment=self.settings.augment,
                device=device,
            )
            for i in range(self.steps_per_epoch):
                losses = self._step(index * self.steps_per_epoch + i, next(batches), teacher)
                for name, value in losses.items():
                    sums[name] = sums.get(name, 0.0) + value / self.steps_per_epoch
        self.student.model.eval()
        return Epoch(index + 1, sums, float(self.student.scale.detach()), perf_counter() - began)

    def _step(self, k: int, batch: Batch, teacher: Teacher) -> dict[str, float]:
        for group in self.optimizer.param_groups:
            group["lr"] = self._schedule(k)
        with autocast(self.precision, self.student.device):
            losses = self._losses(batch, teacher)
        values = {name: float(loss.detach()) for name, loss in losses.items()}
        broken = [f"{name} = {value}" for name, value in values.items() if not math.isfinite(value)]
        if broken:
            raise NotFiniteError(
                f"loss {', '.join(broken)} at step {k}",
                why="the optimisation diverged",
                fix="lower the learning rate: --set lr=…",
            )
        self.optimizer.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        with torch.no_grad():
            self.student.logit_scale.clamp_(0, math.log(100))
        return values

    def _losses(self, batch: Batch, teacher: Teacher) -> dict[str, Tensor]:
        texts = [self.pairs.texts[i] for i in batch.indices.tolist()]
        student = Embeddings(self.student.encode_image(batch.images), encode_distinct(self.student, texts))
        masked = None
        if self.settings.masks:
            with masked_patches(self.student.model, self.settings.mask_ratio):
                masked = self.student.encode_image(batch.images)
        losses: dict[str, Tensor] = self.objective(
            student, teacher.embed(batch, texts), self.student.scale, self.teacher.scale.detach(), masked
        )
        return losses

    # -- checkpoints --------------------------------------------------------------------------------

    @property
    def key(self) -> str:
        """A digest of all that the result depends on."""
        captions = hashlib.sha256("\n".join(self.pairs.texts).encode()).hexdigest()
        identity = [
            self.settings.model_dump(mode="json"),
            [self.teacher.weights_digest, self.teacher.preprocessing.digest],
            [self.student.name, self.config],
            [self.pairs.images.digest, captions],
            [self.seed, self.precision],
        ]
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()

    @property
    def _identity(self) -> Identity:
        return Identity("distillation", {"training": self.key})

    def _save(self, path: Path) -> None:
        state = {
            "epochs": self.epochs_done,
            "student": self.student.model.state_dict(),
            "objective": self.objective.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        with writing(path, self._identity) as file:
            torch.save(state, file)

    def _load(self, path: Path) -> None:
        try:
            content = read_checked(path, self._identity)
        except DamagedError as error:
            raise ConfigError(
                f"{path} is damaged or belongs to another training",
                why=f"{error.why}; a training is its settings, teacher, student, pairs, seed and precision",
                fix="use another --out, or delete that file",
            ) from error
        state: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        self.student.model.load_state_dict(state["student"])
        self.objective.load_state_dict(state["objective"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epochs_done = int(state["epochs"])
