"""GMAIL's loss as a pure function."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from clbench.models import cosines
from torch import Tensor

__all__ = ["alignment"]


def alignment(
    generated: Tensor,
    real: Tensor,
    temperature: float = 0.01,
    *,
    classes: Tensor | Sequence[int] | None = None,
    symmetric: bool = False,
) -> Tensor:
    """InfoNCE from generated to real images: find each generated image's partner among the batch's real ones.

    ``-1/B Σ_i Σ_j Y_ij log softmax_j(cos(g_i, r_j) / τ)``. Source: Mo & Yun, "GMAIL: Generative Modality
    Alignment for generated Image Learning", ICML 2025, cross-modality alignment loss, where Y is the
    identity: all other real images of the batch are negatives.

    Where pairs are drawn by class, a batch holds further real images of the same class: false negatives.
    With ``classes`` these share the mass, ``Y_ij = E_ij / Σ_k E_ik``, ``E_ij = 1`` where classes are equal.
    That is the identity's loss averaged over all ways to pair the batch within its classes; where all classes
    differ, as the paper's captions do, both are one.

    Args:
        generated, real: (batch, d) unit vectors; row i of both is a pair. ``real`` gets no gradient.
        temperature: τ > 0.
        classes: (batch,) class of each pair, or ``None`` for the paper's target.
        symmetric: average with the loss from real to generated images.

    Returns:
        A scalar, of float32 at least.

    Raises:
        ValueError: shapes do not match or the temperature is not positive.
    """
    if generated.ndim != 2 or generated.shape != real.shape:
        raise ValueError(
            "generated and real embeddings must be matrices of one shape, "
            f"got {tuple(generated.shape)} and {tuple(real.shape)}"
        )
    if not temperature > 0:
        raise ValueError(f"the temperature must be positive, got {temperature}")
    logits = cosines(generated, real.detach()) / temperature
    ids = torch.arange(len(real)) if classes is None else torch.as_tensor(classes)
    ids = ids.to(logits.device)
    if ids.shape != logits.shape[:1]:
        raise ValueError(f"{tuple(ids.shape)} classes for {len(logits)} pairs: one each")
    same = (ids[:, None] == ids[None, :]).to(logits.dtype)
    target = same / same.sum(dim=1, keepdim=True)
    loss = F.cross_entropy(logits, target)
    return (loss + F.cross_entropy(logits.T, target)) / 2 if symmetric else loss
