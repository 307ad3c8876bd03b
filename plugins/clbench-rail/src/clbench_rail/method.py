"""RAIL (Xu et al., NeurIPS 2024): a frozen CLIP with a regression beside it, fused at test.

CLIP stays as it is. Its image features are regressed on one-hot labels by ridge regression, whose solution
over all tasks is updated from the new task alone: nothing is forgotten, because the result *is* that of all
data at once. The *primal* form regresses on a random hidden layer (:mod:`clbench_rail.ridge`), the *dual*
form on a kernel over the kept features (:mod:`clbench_rail.kernel`). At test the zero-shot model decides
whether an image shows a learned class; if so its probabilities are mixed with the adapter's outputs, if not
it answers alone (:mod:`clbench_rail.fusion`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from clbench import Backbone, Context, LabelSpace, Method, TrainingTask
from clbench.models import text_classifier
from torch import Tensor

from clbench_rail.classes import LearnedClasses
from clbench_rail.features import FrozenFeatures
from clbench_rail.fusion import fuse
from clbench_rail.kernel import KernelRidge
from clbench_rail.ridge import RandomHiddenLayer, RecursiveRidge
from clbench_rail.settings import DualSettings, PrimalSettings, RAILSettings

__all__ = ["RAIL", "DualRAIL", "PrimalRAIL"]


class RAIL(Method):
    """What both forms share: frozen features in, fused scores out. No gradient is taken anywhere."""

    settings: RAILSettings

    def __init__(self, backbone: Backbone, settings: RAILSettings, context: Context) -> None:
        super().__init__(backbone, settings, context)
        self.backbone.freeze()
        self.classes = LearnedClasses()
        self.features = FrozenFeatures(self.backbone, settings.features)
        self._classifiers: dict[str, Tensor] = {}

    def learn(self, task: TrainingTask) -> None:
        """Update the regression with the task's features; classes learned before keep their columns."""
        features, labels = self._training_features(task)
        columns = torch.tensor(self.classes.add(task.labels))[labels]
        self.context.measured.trainable_parameters.append(self._update(features, columns))
        self._classifiers.clear()

    @abstractmethod
    def _update(self, features: Tensor, columns: Tensor) -> int:
        """Regress features (n, width) on columns int64 (n,); return the number of coefficients solved for."""

    @abstractmethod
    def _outputs(self, features: Tensor) -> Tensor:
        """The adapter's outputs float64 (batch, learned classes) for features (batch, width)."""

    @torch.no_grad()
    def _training_features(self, task: TrainingTask) -> tuple[Tensor, Tensor]:
        """Features (n, width) and labels (n,) of the task's training images, on the CPU, each once."""
        settings, train = self.settings, task.train
        if settings.features == "embedding" and not settings.augment:
            return self.context.initial_features(train).cpu(), torch.from_numpy(train.labels)
        rows, labels, seen = [], [], 0
        batches = self.context.batches(train, 256, name="train", augment=settings.augment)
        while seen < len(train):
            batch = next(batches)
            rows.append(self.features(batch.images)[1].cpu())
            labels.append(batch.labels.cpu())
            seen += len(batch)
        return torch.cat(rows), torch.cat(labels)

    @torch.no_grad()
    def score(self, images: Tensor, labels: LabelSpace) -> Tensor:
        """Fused scores of learned classes, and scores of unseen ones that beat them where CLIP says so.

        float64; see :func:`clbench_rail.fusion.fuse`. Before the first task it is CLIP: 100 · cosine. Which
        classes are *learned* is the method's own knowledge: neither the task's identity nor the columns
        asked for have a part in it.
        """
        embeddings, features = self.features(images)
        if not len(self.classes):
            return self._zero_shot(embeddings, labels)
        columns = self.classes.find(labels)
        learned = [(place, column) for place, column in enumerate(columns) if column is not None]
        unseen = [place for place, column in enumerate(columns) if column is None]
        fused, others = fuse(
            self._zero_shot(embeddings, self.classes.labels),
            self._outputs(features).to(embeddings.device),
            self._zero_shot(embeddings, _part(labels, unseen)),
            self.settings.fusion,
        )
        scores = fused.new_empty(len(images), len(labels))
        scores[:, [place for place, _ in learned]] = fused[:, [column for _, column in learned]]
        scores[:, unseen] = others
        return scores

    def _zero_shot(self, embeddings: Tensor, labels: LabelSpace) -> Tensor:
        """100 · cosine, float64 (batch, classes); classifiers are encoded once per label space."""
        if not len(labels):
            return embeddings.new_empty(len(embeddings), 0, dtype=torch.float64)
        if labels.digest not in self._classifiers:
            W = text_classifier(self.backbone, labels, templates=self.settings.test_templates)
            self._classifiers[labels.digest] = W.to(torch.float64)
        return 100.0 * embeddings.to(torch.float64) @ self._classifiers[labels.digest].T

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.classes.load_state_dict(state["classes"])
        self._classifiers.clear()


class PrimalRAIL(RAIL):
    """RAIL with a random hidden layer and recursive ridge regression; it keeps no training sample."""

    settings: PrimalSettings

    def __init__(self, backbone: Backbone, settings: PrimalSettings, context: Context) -> None:
        super().__init__(backbone, settings, context)
        self.hidden: RandomHiddenLayer | None = None
        if settings.hidden is not None:
            random = context.generator("hidden layer")
            self.hidden = RandomHiddenLayer(self.features.width, settings.hidden, random)
        self.adapter = RecursiveRidge(settings.hidden or self.features.width, settings.ridge)

    def _update(self, features: Tensor, columns: Tensor) -> int:
        # In parts: the hidden layer of all images at once may not fit into memory.
        part = max(self.settings.block, 1024 // self.settings.block * self.settings.block)
        for x, chosen in zip(torch.split(features, part), torch.split(columns, part), strict=True):
            self.adapter.update(self._phi(x), chosen, len(self.classes), block=self.settings.block)
        return self.adapter.W.numel()

    def _outputs(self, features: Tensor) -> Tensor:
        return self.adapter.predict(self._phi(features))

    def _phi(self, features: Tensor) -> Tensor:
        """Rows of the regression, float64 (n, hidden), on the CPU."""
        return features.to("cpu", torch.float64) if self.hidden is None else self.hidden(features)

    def state_dict(self) -> dict[str, Any]:
        return {
            "classes": self.classes.state_dict(),
            "adapter": self.adapter.state_dict(),
            "hidden": None if self.hidden is None else self.hidden.weight.clone(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self.adapter.load_state_dict(state["adapter"])
        if self.hidden is not None:
            self.hidden.weight = state["hidden"].to("cpu", torch.float64).clone()


class DualRAIL(RAIL):
    """RAIL with kernel ridge regression; it keeps the features of all training images."""

    settings: DualSettings

    def __init__(self, backbone: Backbone, settings: DualSettings, context: Context) -> None:
        super().__init__(backbone, settings, context)
        self.adapter = KernelRidge(self.features.width, settings.ridge, settings.gamma)

    def _update(self, features: Tensor, columns: Tensor) -> int:
        self.adapter.update(features, columns, len(self.classes))
        return self.adapter.alpha.numel()

    def _outputs(self, features: Tensor) -> Tensor:
        return self.adapter.predict(features)

    def state_dict(self) -> dict[str, Any]:
        return {"classes": self.classes.state_dict(), "adapter": self.adapter.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self.adapter.load_state_dict(state["adapter"])


def _part(labels: LabelSpace, places: list[int]) -> LabelSpace:
    """The classes of a label space at some places."""
    return LabelSpace(tuple(labels.classes[i] for i in places), tuple(labels.templates[i] for i in places))
