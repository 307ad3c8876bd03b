"""RAIL's primal adapter: ridge regression that is updated block by block and never sees old data again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["RandomHiddenLayer", "RecursiveRidge", "one_hot"]


def one_hot(columns: Tensor, classes: int) -> Tensor:
    """Regression targets: float64 (n, classes) with a 1 in the column of each of n images."""
    return F.one_hot(columns, classes).to(torch.float64)


class RandomHiddenLayer:
    """Fixed random weights and a ReLU: ``x ↦ max(0, V x)``, V ~ U(-1/√d, 1/√d), without bias.

    Source: Xu et al., NeurIPS 2024 (RHL); the distribution is that of the authors' code, torch's default.

    Args:
        inputs: width d of the features.
        hidden: width of the layer.
        generator: seeded; draws V once.
    """

    def __init__(self, inputs: int, hidden: int, generator: torch.Generator) -> None:
        bound = 1.0 / math.sqrt(inputs)
        self.weight = torch.empty(hidden, inputs, dtype=torch.float64)
        self.weight.uniform_(-bound, bound, generator=generator)

    def __call__(self, features: Tensor) -> Tensor:
        """Features (n, d) → float64 (n, hidden), on the CPU."""
        return F.relu(features.to("cpu", torch.float64) @ self.weight.T)


class RecursiveRidge:
    """The ridge solution ``W = (ΦᵀΦ + λI)⁻¹ ΦᵀY`` over all rows that were ever given, without keeping them.

    What is kept is ``R = (ΦᵀΦ + λI)⁻¹``. A block Φ_b of rows changes it by the Woodbury identity, and W by
    what W does not explain yet:

        R ← R - R Φ_bᵀ (I + Φ_b R Φ_bᵀ)⁻¹ Φ_b R,    W ← W + R Φ_bᵀ (Y_b - Φ_b W).

    New classes are columns of zeros to begin with, which is exact: no old row belongs to them. All in
    float64 on the CPU. Source: Xu et al., NeurIPS 2024, Theorem 1.

    Args:
        width: number of columns of Φ.
        ridge: λ, above 0.
    """

    def __init__(self, width: int, ridge: float) -> None:
        self.R = torch.eye(width, dtype=torch.float64) / ridge
        self.W = torch.zeros(width, 0, dtype=torch.float64)

    def update(self, rows: Tensor, columns: Tensor, classes: int, *, block: int = 128) -> None:
        """Take in rows of Φ.

        Args:
            rows: float64 (n, width).
            columns: int64 (n,), the class of each row.
            classes: number of classes from now on; at least as many as before.
            block: rows per update. A larger one is no less exact, and its inner system is larger.
        """
        self.W = F.pad(self.W, (0, classes - self.W.shape[1]))
        for X, chosen in zip(torch.split(rows, block), torch.split(columns, block), strict=True):
            P = self.R @ X.T
            L = torch.linalg.cholesky(torch.eye(len(X), dtype=P.dtype) + X @ P)
            # With I + X R Xᵀ = LLᵀ and V = L⁻¹ (R Xᵀ)ᵀ the update of R is -VᵀV, which stays symmetric, and
            # the new R Xᵀ is Vᵀ L⁻ᵀ.
            V = torch.linalg.solve_triangular(L, P.T, upper=False)
            gain = torch.linalg.solve_triangular(L.T, V, upper=True).T
            self.R.addmm_(V.T, V, alpha=-1.0)
            self.W += gain @ (one_hot(chosen, classes) - X @ self.W)

    def predict(self, rows: Tensor) -> Tensor:
        """Regression outputs float64 (n, classes) of rows (n, width)."""
        return rows @ self.W

    def state_dict(self) -> dict[str, Tensor]:
        return {"R": self.R.clone(), "W": self.W.clone()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.R = state["R"].to("cpu", torch.float64).clone()
        self.W = state["W"].to("cpu", torch.float64).clone()
