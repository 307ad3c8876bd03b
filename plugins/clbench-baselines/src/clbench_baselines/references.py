"""Reference rows that need no explanation: the nearest training image, and ridge on frozen features.

Both learn each task by itself, from nothing (protocol ``independent``), and take no optimiser step: a method
of continual learning that does no better in Last has not yet learned its tasks.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from clbench import Backbone, Context, LabelSpace, Method, TrainingTask
from clbench.models.remembering import Remembered
from torch import Tensor

from clbench_baselines.settings import PixelNeighbourSettings, RidgeSettings

__all__ = ["PixelNeighbour", "Ridge", "leave_one_out_errors"]

_NEVER = -1e4
"""Score of a class of which there is no training image."""


class _Columns(Method):
    """Scores of the classes of one task, looked up by name and templates."""

    def __init__(self, backbone: Backbone, settings: Any, context: Context) -> None:
        super().__init__(backbone, settings, context)
        self.backbone.freeze()
        self._classes: dict[tuple[str, tuple[str, ...]], int] = {}

    def _begin(self, labels: LabelSpace) -> None:
        keys = zip(labels.classes, labels.templates, strict=True)
        self._classes = {key: column for column, key in enumerate(keys)}

    @abstractmethod
    def _scores(self, images: Tensor) -> Tensor:
        """Scores (batch, classes of the task)."""

    @torch.no_grad()
    def score(self, images: Tensor, labels: LabelSpace) -> Tensor:
        """float32 (batch, classes); a class of no training image has the score -10⁴."""
        out = torch.full((len(images), len(labels)), _NEVER, device=images.device)
        keys = zip(labels.classes, labels.templates, strict=True)
        known = [(place, self._classes[key]) for place, key in enumerate(keys) if key in self._classes]
        if known:
            scores = self._scores(images).to(out)
            out[:, [place for place, _ in known]] = scores[:, [column for _, column in known]]
        return out

    def state_dict(self) -> dict[str, Any]:
        return {"names": [k for k, _ in self._classes], "templates": [list(t) for _, t in self._classes]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        templates = map(tuple, state["templates"])
        self._classes = {key: i for i, key in enumerate(zip(state["names"], templates, strict=True))}


class PixelNeighbour(_Columns):
    """The class of the training image whose pixels are nearest: no model has a part in it.

    Images are reduced to ``size`` × ``size`` by area. The score of a class is the largest correlation of the
    image's pixels with those of one of its training images, or minus the smallest mean squared difference.
    """

    settings: PixelNeighbourSettings

    def __init__(self, backbone: Backbone, settings: PixelNeighbourSettings, context: Context) -> None:
        super().__init__(backbone, settings, context)
        self._pixels = torch.empty(0, 0)
        self._owners = torch.empty(0, dtype=torch.int64)

    def learn(self, task: TrainingTask) -> None:
        """Keep the training images, reduced."""
        self._begin(task.labels)
        rows: list[Tensor] = []
        owners: list[Tensor] = []
        batches = self.context.batches(task.train, 256, name="train")
        while sum(len(each) for each in owners) < len(task.train):
            batch = next(batches)
            rows.append(self._reduced(batch.images))
            owners.append(batch.labels)
        self._pixels, self._owners = torch.cat(rows), torch.cat(owners)
        self.context.measured.trainable_parameters.append(0)

    def _reduced(self, images: Tensor) -> Tensor:
        """Normalised images (batch, 3, s, s) → rows to compare, float32 (batch, 3 · size²).

        With ``correlation`` rows have mean 0 and length 1: their product is the correlation. Otherwise they
        are pixels in [0, 1], scaled so that the squared distance of two rows is the mean over pixels.
        """
        view = self.backbone.preprocessing
        mean, std = (torch.tensor(v, device=images.device).view(1, 3, 1, 1) for v in (view.mean, view.std))
        pixels = images.float() * std + mean
        side = min(self.settings.size, pixels.shape[-1])
        flat = F.adaptive_avg_pool2d(pixels, side).flatten(1)
        if self.settings.likeness == "correlation":
            return F.normalize(flat - flat.mean(dim=1, keepdim=True), dim=1)
        return flat / math.sqrt(flat.shape[1])

    def _scores(self, images: Tensor) -> Tensor:
        seen, kept = self._reduced(images), self._pixels.to(images.device)
        alike = seen @ kept.T
        if self.settings.likeness == "squared-difference":
            alike = -torch.cdist(seen, kept).square()
        nearest = alike.new_full((len(images), len(self._classes)), _NEVER)
        return nearest.scatter_reduce(
            1, self._owners.to(images.device).expand(len(images), -1), alike, "amax"
        )

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"pixels": self._pixels, "owners": self._owners}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self._pixels, self._owners = state["pixels"].to(self.backbone.device), state["owners"].cpu()


class Ridge(_Columns):
    """Ridge regression from the frozen model's image embeddings to one-hot labels, with a constant.

    The strength λ is the one of ``strengths`` with the smallest leave-one-out error on the *training* images
    (:func:`leave_one_out_errors`): nothing is tuned on test images, or by hand.
    """

    settings: RidgeSettings

    def __init__(self, backbone: Backbone, settings: RidgeSettings, context: Context) -> None:
        super().__init__(backbone, settings, context)
        self._weights = torch.empty(backbone.width + 1, 0, dtype=torch.float64)
        self._embed = Remembered(self._encode)

    def learn(self, task: TrainingTask) -> None:
        """Solve for the task's coefficients."""
        self._begin(task.labels)
        X = _with_constant(self.context.initial_features(task.train).cpu())
        Y = F.one_hot(torch.from_numpy(task.train.labels).long(), len(task.labels)).double()
        strengths = torch.tensor(self.settings.strengths, dtype=torch.float64)
        best = float(strengths[leave_one_out_errors(X, Y, strengths).argmin()])
        self._weights = torch.linalg.solve(X.T @ X + best * torch.eye(X.shape[1], dtype=X.dtype), X.T @ Y)
        self.context.measured.trainable_parameters.append(self._weights.numel())

    def _encode(self, images: Tensor) -> Tensor:
        return F.normalize(self.backbone.encode_image(images).float(), dim=-1)

    def _scores(self, images: Tensor) -> Tensor:
        return _with_constant(self._embed(images).cpu()) @ self._weights

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"weights": self._weights}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self._weights = state["weights"].cpu()


def leave_one_out_errors(X: Tensor, Y: Tensor, strengths: Tensor) -> Tensor:
    """Mean squared leave-one-out error of ridge regression for each λ, without leaving anything out.

    With the singular values s and left vectors U of X, the residual of row i when it is left out is
    ``(y_i - ŷ_i) / (1 - h_i)``, where ``h_i = Σ_k U_ik² s_k² / (s_k² + λ)`` (Allen's PRESS; Golub, Heath and
    Wahba 1979).

    Args:
        X: rows, float64 (n, d).
        Y: targets, float64 (n, c).
        strengths: λ, float64 (k,), all above 0.

    Returns:
        float64 (k,).
    """
    U, s, _ = torch.linalg.svd(X, full_matrices=False)
    projected, squares = U.T @ Y, s.square()
    errors = []
    for strength in strengths:
        shrunk = squares / (squares + strength)
        residuals = Y - U @ (shrunk[:, None] * projected)
        left_out = residuals / (1.0 - U.square() @ shrunk)[:, None]
        errors.append(left_out.square().mean())
    return torch.stack(errors)


def _with_constant(features: Tensor) -> Tensor:
    """Features (n, d) → float64 (n, d + 1) whose last column is 1."""
    return F.pad(features.double(), (0, 1), value=1.0)
