"""Comparisons of scores, with a message where they differ."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from clbench.testing.outcomes import Broken

__all__ = ["check_close", "check_equal"]

# Rounding of float32 logits through a few layers, relative to the largest logit.
_ROUNDING = 1e-4


def check_equal(found: Sequence[Tensor], wanted: Sequence[Tensor], message: str) -> None:
    """Raise :class:`Broken` unless all tensors are equal bit for bit."""
    for one, other in zip(found, wanted, strict=True):
        if not torch.equal(one, other):
            raise Broken(f"{message}{_difference(one, other)}")


def check_close(found: Tensor, wanted: Tensor, message: str) -> None:
    """Raise :class:`Broken` unless two tensors are equal up to the rounding of float32."""
    tolerance = _ROUNDING * max(1.0, float(wanted.abs().max()))
    if found.shape != wanted.shape or not torch.allclose(found, wanted, rtol=0.0, atol=tolerance):
        raise Broken(f"{message}{_difference(found, wanted)}")


def _difference(one: Tensor, other: Tensor) -> str:
    if one.shape != other.shape:
        return f": shapes {tuple(one.shape)} and {tuple(other.shape)}"
    most, size = float((one - other).abs().max()), float(other.abs().max())
    return f": by up to {most:.3g}, logits being up to {size:.3g}"
