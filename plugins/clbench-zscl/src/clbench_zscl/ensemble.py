"""A model's weights along its training: their mean, and the pull back to earlier ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

__all__ = ["MovingAverage", "WeightEnsemble"]


class WeightEnsemble:
    """Running mean of snapshots of a model's weights.

    It starts at the weights it is given, which count as the first snapshot: after n updates it is the
    uniform mean of n + 1 snapshots. Source: ZSCL, Eq. 7, with t the number of merges.

    Args:
        parameters: the starting weights, copied; floating point, any shapes.

    Raises:
        ValueError: there are no parameters.

    Attributes:
        average: the mean, one tensor per parameter.
        merges: number of updates so far.
    """

    def __init__(self, parameters: Iterable[Tensor]) -> None:
        self.average = [p.detach().clone() for p in parameters]
        self.merges = 0
        if not self.average:
            raise ValueError("there are no parameters to average")

    @torch.no_grad()
    def update(self, parameters: Iterable[Tensor]) -> None:
        """Take in a snapshot: ``n ← n + 1``, ``average ← (n · average + θ) / (n + 1)``."""
        weights = self._matching(parameters)
        self.merges += 1
        torch._foreach_lerp_(self.average, weights, 1.0 / (self.merges + 1))

    @torch.no_grad()
    def copy_to(self, parameters: Iterable[Tensor]) -> None:
        """Overwrite ``parameters`` with the mean."""
        torch._foreach_copy_(self._matching(parameters), self.average)

    def state_dict(self) -> dict[str, Any]:
        """The mean and the number of merges."""
        return {"average": list(self.average), "merges": self.merges}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned.

        Raises:
            ValueError: the tensors are not shaped like these parameters.
        """
        given = self._matching(state["average"])
        self.average = [g.to(a.device).clone() for g, a in zip(given, self.average, strict=True)]
        self.merges = int(state["merges"])

    def _matching(self, parameters: Iterable[Tensor]) -> list[Tensor]:
        weights = [p.detach() for p in parameters]
        if [w.shape for w in weights] != [a.shape for a in self.average]:
            raise ValueError(
                f"these {len(weights)} parameters are not the {len(self.average)} that are averaged: "
                "number or shapes differ"
            )
        return weights


class MovingAverage:
    """Pull of the live weights back to earlier ones: ``θ ← m · θ + (1 - m) · θ_earlier``.

    Unlike an ensemble it moves the weights that are being trained. An ablation of ZSCL's authors
    (``--moving_avg``), whose m is 0.999.

    Args:
        parameters: the live weights, changed in place.
        earlier: θ_earlier, copied.
        share: m, from 0 to 1.
        follow: after each pull, let the weights as they were just before it be θ_earlier.
    """

    def __init__(
        self, parameters: Iterable[Tensor], earlier: Iterable[Tensor], *, share: float, follow: bool
    ) -> None:
        self._weights = [p.detach() for p in parameters]
        self._earlier = [p.detach().clone() for p in earlier]
        self._share = share
        self._follow = follow

    @torch.no_grad()
    def pull(self) -> None:
        """Pull once."""
        before = [w.clone() for w in self._weights] if self._follow else self._earlier
        torch._foreach_lerp_(self._weights, self._earlier, 1.0 - self._share)
        self._earlier = before

    def state_dict(self) -> dict[str, Any]:
        """θ_earlier; the live weights are not in it."""
        return {"earlier": list(self._earlier)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        pairs = zip(state["earlier"], self._weights, strict=True)
        self._earlier = [earlier.to(weight.device).clone() for earlier, weight in pairs]
