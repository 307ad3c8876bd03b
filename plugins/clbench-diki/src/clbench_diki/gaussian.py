"""How much an image looks like a task's training images: a Gaussian over frozen embeddings, and a weight."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any, Literal

import torch
from clbench.errors import MethodError
from torch import Tensor

__all__ = ["AUTHORS_SCALE", "ScoreScale", "TaskGaussian", "calibration_weight"]

AUTHORS_SCALE = 512.0
"""The constant in the authors' code: the embedding width of ViT-B/16."""

ScoreScale = Literal["authors", "dimension"] | float


def calibration_weight(log_prob: Tensor, scale: float = AUTHORS_SCALE, shift: float = 1.0) -> Tensor:
    """Map log densities (any shape) to weights in [0, 1]: ``sigmoid(log_prob / scale - shift)``.

    Source: Tang et al., ECCV 2024, have a sigmoid of the log density; the division and the -1 are in the
    authors' code only.
    """
    return torch.sigmoid(log_prob / scale - shift)


class TaskGaussian:
    """Gaussian with full covariance over the L2-normalised embeddings of one task's training images.

    Mean and covariance (divisor n - 1, plus ``jitter`` on the diagonal) are taken in float64 on the CPU and
    factorised once. The authors use float32 and factorise for every batch; the densities are the same but
    for rounding.

    Args:
        jitter: added to the diagonal of the covariance.
        score_scale: what log densities are divided by on the way to a weight: ``authors`` is their constant
            512, ``dimension`` the embedding width (the same thing for ViT-B/16), a number is itself.
        score_shift: what is taken off the divided log densities; the authors' is 1.
        factorise_always: build and factorise the distribution for every batch, in float64.
    """

    def __init__(
        self,
        jitter: float = 1e-7,
        score_scale: ScoreScale = "authors",
        score_shift: float = 1.0,
        *,
        factorise_always: bool = False,
    ) -> None:
        self.jitter = jitter
        self.score_scale = score_scale
        self.score_shift = score_shift
        self.factorise_always = factorise_always
        self._mean: Tensor | None = None
        self._factor: Tensor | None = None

    def fit(self, features: Tensor) -> TaskGaussian:
        """Take mean and covariance of ``features`` (n, d); returns self.

        Warns:
            UserWarning: n ≤ d. The covariance is singular but for the jitter, so densities explode upwards
                on the training images and downwards everywhere else.

        Raises:
            MethodError: fewer than two rows, values that are not finite, or a covariance that is not
                positive definite (``jitter`` 0).
        """
        x = features.detach().to("cpu", torch.float64)
        if x.ndim != 2 or len(x) < 2 or not torch.isfinite(x).all():
            raise MethodError(
                f"a Gaussian cannot be fitted to features of shape {tuple(features.shape)}",
                why="it needs at least two rows of finite numbers, (n, d)",
            )
        count, width = x.shape
        if count <= width:
            warnings.warn(
                f"DIKI fits a covariance of {width} dimensions to {count} images: it is singular but for the "
                f"jitter {self.jitter:g}, and images of the same domain will look foreign; more than {width} "
                "training images a task are needed",
                stacklevel=2,
            )
        mean = x.mean(dim=0)
        centred = x - mean
        covariance = centred.T @ centred / (count - 1) + self.jitter * torch.eye(width, dtype=x.dtype)
        factor, failed = torch.linalg.cholesky_ex(covariance)
        if failed:
            raise MethodError(
                "the covariance of a task's features is not positive definite",
                why=f"{count} images in {width} dimensions with jitter {self.jitter:g}",
                fix="raise it: --set diki.jitter=1e-7",
            )
        self._mean, self._factor = mean, factor
        return self

    @property
    def mean(self) -> Tensor:
        """float64 (d,)."""
        return self._fitted()[0]

    @property
    def covariance(self) -> Tensor:
        """float64 (d, d), the jitter included."""
        factor = self._fitted()[1]
        covariance: Tensor = factor @ factor.T
        return covariance

    def log_prob(self, features: Tensor) -> Tensor:
        """Log densities in nats, (n,), of ``features`` (n, d); in the features' type and on their device.

        Raises:
            MethodError: nothing was fitted, or the width is another one.
        """
        mean, factor = self._fitted()
        if features.ndim != 2 or features.shape[1] != len(mean):
            raise MethodError(
                f"features of shape {tuple(features.shape)} do not fit a Gaussian of {len(mean)} dimensions"
            )
        rows = features.detach().to("cpu", torch.float64)
        if self.factorise_always:
            built = torch.distributions.MultivariateNormal(mean, self.covariance)
            again: Tensor = built.log_prob(rows)  # type: ignore[no-untyped-call]
            return again.to(features.dtype).to(features.device)
        centred = rows - mean
        whitened = torch.linalg.solve_triangular(factor, centred.T, upper=False)
        log_det = factor.diagonal().log().sum()
        density = -0.5 * (whitened.square().sum(dim=0) + len(mean) * math.log(2.0 * math.pi)) - log_det
        result: Tensor = density.to(features.dtype).to(features.device)
        return result

    def weight(self, log_prob: Tensor) -> Tensor:
        """Weights in [0, 1] of log densities, by this Gaussian's scale."""
        return calibration_weight(log_prob, self.scale, self.score_shift)

    @property
    def scale(self) -> float:
        """The number that log densities are divided by."""
        if self.score_scale == "authors":
            return AUTHORS_SCALE
        return float(len(self.mean)) if self.score_scale == "dimension" else float(self.score_scale)

    def state_dict(self) -> dict[str, Any]:
        """Mean and Cholesky factor; jitter and scale are settings."""
        mean, factor = self._fitted()
        return {"mean": mean, "factor": factor}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self._mean = state["mean"].to("cpu", torch.float64)
        self._factor = state["factor"].to("cpu", torch.float64)

    def _fitted(self) -> tuple[Tensor, Tensor]:
        if self._mean is None or self._factor is None:
            raise MethodError("this Gaussian has not been fitted", fix="call fit(features) first")
        return self._mean, self._factor
