"""RAIL's dual adapter: kernel ridge regression whose kernel matrix grows task by task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from clbench_rail.ridge import one_hot

__all__ = ["KernelRidge", "rbf_kernel"]


def rbf_kernel(x: Tensor, y: Tensor, gamma: float) -> Tensor:
    """Gaussian kernel ``exp(-γ ‖x_i - y_j‖²)``, (n, m), of rows (n, d) and (m, d)."""
    squares = x.square().sum(dim=1, keepdim=True) + y.square().sum(dim=1) - 2.0 * x @ y.T
    return torch.exp(-gamma * squares.clamp_min(0.0))


class KernelRidge:
    """The solution ``α = (K + λI)⁻¹ Y`` over the features of all tasks; outputs are ``k(x, X) α``.

    The features and classes of all training images are kept. A task adds its block to the Cholesky factor
    of K + λI, whose old part stays as it is:

        K + λI = [[A, B], [Bᵀ, D]],  A = LLᵀ  ⟹  factor [[L, 0], [(L⁻¹B)ᵀ, chol(D - BᵀA⁻¹B)]].

    All in float64 on the CPU. Source: Xu et al., NeurIPS 2024, Theorem 2; its authors' code inverts the
    whole matrix after each task, which is the same solution.

    Args:
        width: number of columns d of the features.
        ridge: λ, above 0.
        gamma: γ, above 0.
    """

    def __init__(self, width: int, ridge: float, gamma: float) -> None:
        self.ridge = ridge
        self.gamma = gamma
        self.blocks: list[Tensor] = []
        self.columns = torch.zeros(0, dtype=torch.int64)
        self.alpha = torch.zeros(0, 0, dtype=torch.float64)
        self._width = width
        self._factor: Tensor | None = None

    def __len__(self) -> int:
        return len(self.columns)

    def update(self, features: Tensor, columns: Tensor, classes: int) -> None:
        """Take in a task.

        Args:
            features: (n, d); kept in float32, as CLIP gives them.
            columns: int64 (n,), the class of each row.
            classes: number of classes from now on.
        """
        factor = self._factorised()
        block = features.to("cpu", torch.float32).clone()
        self._factor = self._extended(factor, self._features(), block.to(torch.float64))
        self.blocks.append(block)
        self.columns = torch.cat([self.columns, columns.cpu()])
        self.alpha = torch.cholesky_solve(one_hot(self.columns, classes), self._factor)

    def predict(self, features: Tensor) -> Tensor:
        """Regression outputs float64 (n, classes) of features (n, d), on the CPU."""
        return rbf_kernel(features.to("cpu", torch.float64), self._features(), self.gamma) @ self.alpha

    def state_dict(self) -> dict[str, Any]:
        """Features by task, classes and α; the factor is computed again when it is needed."""
        return {"features": list(self.blocks), "columns": self.columns.clone(), "alpha": self.alpha.clone()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.blocks = [block.to("cpu", torch.float32).clone() for block in state["features"]]
        self.columns = state["columns"].to("cpu").clone()
        self.alpha = state["alpha"].to("cpu", torch.float64).clone()
        self._factor = None

    def _features(self) -> Tensor:
        """All kept features, float64 (n, d)."""
        return torch.cat([torch.zeros(0, self._width), *self.blocks]).to(torch.float64)

    def _factorised(self) -> Tensor:
        """The factor over all kept features. After loading it is built in the same steps as at first, so
        that a resumed run is the same bit for bit."""
        if self._factor is None:
            self._factor = torch.zeros(0, 0, dtype=torch.float64)
            old = torch.zeros(0, self._width, dtype=torch.float64)
            for block in self.blocks:
                new = block.to(torch.float64)
                self._factor = self._extended(self._factor, old, new)
                old = torch.cat([old, new])
        return self._factor

    def _extended(self, L: Tensor, old: Tensor, new: Tensor) -> Tensor:
        """The factor L (n, n) over ``old`` rows with the rows ``new`` (m, d) added, (n + m, n + m)."""
        D = rbf_kernel(new, new, self.gamma) + self.ridge * torch.eye(len(new), dtype=new.dtype)
        lower = torch.linalg.solve_triangular(L, rbf_kernel(old, new, self.gamma), upper=False).T
        n = len(old)
        factor: Tensor = torch.zeros(n + len(new), n + len(new), dtype=L.dtype)
        factor[:n, :n], factor[n:, :n] = L, lower
        factor[n:, n:] = torch.linalg.cholesky(D - lower @ lower.T)
        return factor
