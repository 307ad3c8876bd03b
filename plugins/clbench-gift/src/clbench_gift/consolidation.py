"""Adaptive weight consolidation, added to the gradient in place, without a graph over the weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from clbench_gift.losses import consolidation_penalty, consolidation_weights

__all__ = ["Consolidation", "Unzeroed"]


class Consolidation:
    """The pull of one task's training back to the weights it started from.

    Args:
        parameters: what is trained; their values now are the anchors θ_prev.
        kind: ``awc`` weighs the pull by importance, ``l2`` pulls all weights alike, ``none`` does nothing.
        coefficient: λ.
        normalised: importances average one per tensor (see :func:`consolidation_weights`).
        static: take the running mean of the first ``static`` steps' importances and keep it from then on;
            0: each step has its own.
    """

    def __init__(
        self,
        parameters: Sequence[nn.Parameter],
        *,
        kind: Literal["awc", "l2", "none"] = "awc",
        coefficient: float = 1.0,
        normalised: bool = True,
        static: int = 0,
    ) -> None:
        self._parameters = list(parameters)
        self._kind = kind
        self._coefficient = coefficient
        self._normalised = normalised
        self._static = static
        self._anchors = [] if kind == "none" else [p.detach().clone() for p in self._parameters]
        self.weights: list[Tensor] | None = None

    def observe(self, step: int, gradient_scale: float = 1.0) -> None:
        """Take the importances from the gradients as they are: those of the synthetic losses alone.

        ``gradient_scale`` is the factor that mixed precision has put on them.
        """
        if self._kind != "awc" or (self._static and step >= self._static):
            return
        importances = consolidation_weights((p.grad for p in self._parameters), normalise=self._normalised)
        now = [
            w if w.shape == p.shape else torch.full_like(p, float(w))  # took no part: one number
            for w, p in zip(importances, self._parameters, strict=True)
        ]
        if not self._normalised and gradient_scale != 1.0:
            torch._foreach_mul_(now, gradient_scale**-2)
        if self._static and self.weights is not None:
            torch._foreach_lerp_(self.weights, now, 1.0 / (step + 1))
        else:
            self.weights = now

    def state_dict(self) -> dict[str, Any]:
        """The importances, where they stay from step to step."""
        return {"weights": list(self.weights) if self._static and self.weights is not None else None}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        given = state["weights"]
        self.weights = (
            None
            if given is None
            else [w.to(p.device).clone() for w, p in zip(given, self._parameters, strict=True)]
        )

    @property
    def pulls(self) -> bool:
        """Whether there is anything to add."""
        known = self._kind == "l2" or (self._kind == "awc" and self.weights is not None)
        return known and self._coefficient > 0

    def penalty(self) -> Tensor:
        """The penalty as a scalar with a graph over all weights: what :meth:`add_gradient` saves."""
        return consolidation_penalty(self._parameters, self._anchors, self.weights, self._coefficient)

    @torch.no_grad()
    def add_gradient(self) -> None:
        """Add ``2 λ F (θ - θ_prev)`` to the gradients; the penalty's own gradient, F being held constant."""
        if not self.pulls:
            return
        held = [i for i, p in enumerate(self._parameters) if p.grad is not None]
        gradients = [g for g in (self._parameters[i].grad for i in held) if g is not None]
        moved = torch._foreach_sub([self._parameters[i] for i in held], [self._anchors[i] for i in held])
        if self.weights is None:
            torch._foreach_add_(gradients, list(moved), alpha=2.0 * self._coefficient)
        else:
            weights = [self.weights[i] for i in held]
            torch._foreach_addcmul_(gradients, list(moved), weights, value=2.0 * self._coefficient)


class Unzeroed:
    """Gradients that are no longer set to zero from some step on: each step's are added to those before it.

    The authors' loop sets gradients to zero only where it back-propagates the losses on generated images,
    which static importances need for their first steps alone. Source: src/models/finetune_gift.py of
    Luo-Jiaming/GIFT_CL (commit 7511963).

    Args:
        parameters: what is trained.
        after: number of steps that set gradients to zero.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], *, after: int) -> None:
        self._parameters = list(parameters)
        self._after = after
        self._left: list[Tensor | None] = [None] * len(self._parameters)

    def began(self, step: int) -> bool:
        """Whether this step no longer sets gradients to zero."""
        return step >= self._after

    @torch.no_grad()
    def carry(self, step: int) -> None:
        """Add what earlier steps left to the gradients of this one, and keep the sum for the next."""
        for i, (parameter, left) in enumerate(zip(self._parameters, self._left, strict=True)):
            if parameter.grad is not None and left is not None:
                parameter.grad += left
            if step >= self._after - 1 and parameter.grad is not None:
                self._left[i] = parameter.grad.clone()

    def state_dict(self) -> dict[str, Any]:
        """What earlier steps left."""
        return {"left": list(self._left)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self._left = [
            None if left is None else left.to(p.device).clone()
            for left, p in zip(state["left"], self._parameters, strict=True)
        ]
