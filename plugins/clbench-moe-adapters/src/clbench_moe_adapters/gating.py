"""Noisy top-k gating: which experts work on a sequence, and with what weights."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["NOISE_FLOOR", "top_k_gates"]

NOISE_FLOOR = 1e-2
"""Smallest standard deviation of the noise on a router's logits (the authors' constant)."""


def top_k_gates(x: Tensor, router: Tensor, noise: Tensor | None, k: int) -> Tensor:
    """Weights of the experts: softmax over the ``k`` largest logits, exactly zero for all others.

    ``logits = x R``, with noise ``x R + ε · (softplus(x N) + 0.01)``, ε standard normal, drawn for every
    sequence and expert from torch's global generator. Of equal logits torch's ``topk`` decides.

    Args:
        x: what decides, (batch, width): token 0 of each sequence.
        router: R, (width, experts).
        noise: N, (width, experts); ``None``: no noise, as at test.
        k: experts per sequence, at most as many as there are.

    Returns:
        (batch, experts), rows summing to one; differentiable in ``x``, R and N.

    Source: Shazeer et al. 2017, Eqs. 3–5; Yu et al., CVPR 2024.
    """
    logits = x @ router
    if noise is not None:
        spread = F.softplus(x @ noise) + NOISE_FLOOR
        logits = logits + torch.randn_like(logits) * spread
    top, chosen = logits.topk(k, dim=-1)
    return torch.zeros_like(logits).scatter(-1, chosen, top.softmax(dim=-1))
