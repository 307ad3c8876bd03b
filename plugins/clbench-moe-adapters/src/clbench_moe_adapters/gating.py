"""Noisy top-k gating: which experts work on a sequence, and with what weights."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["NOISE_FLOOR", "imbalance", "top_k_gates"]

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
    return _gates(_logits(x, router, noise)[1], k)


def imbalance(x: Tensor, router: Tensor, noise: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The weights of :func:`top_k_gates` with noise, and how unevenly they burden the experts, a scalar.

    ``CV(Σ gates)² + CV(Σ P)²`` over the experts, CV being the standard deviation divided by the mean and P
    the probability that an expert is among the ``k`` largest were its own noise drawn again. Where all
    experts are chosen, there is nothing to be uneven but the gates.

    Source: Shazeer et al. 2017, Eqs. 6–10; mtil/clip/model.py of JiazuoYu/MoE-Adapters4CL (commit 4572d97).
    """
    clean, noisy, spread = _logits(x, router, noise)
    gates = _gates(noisy, k)
    if k < noisy.shape[-1]:
        top = noisy.topk(k + 1, dim=-1).values
        last_in, first_out = top[..., k - 1, None], top[..., k, None]
        border = torch.where(noisy > first_out, first_out, last_in)
        load = torch.special.ndtr((clean - border) / spread).sum(dim=0)
    else:
        load = (gates > 0).sum(dim=0)
    return gates, _variation(gates.sum(dim=0)) + _variation(load)


def _logits(x: Tensor, router: Tensor, noise: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Logits without and with noise, and the noise's standard deviation, all (batch, experts)."""
    clean = x @ router
    if noise is None:
        return clean, clean, torch.zeros_like(clean)
    spread = F.softplus(x @ noise) + NOISE_FLOOR
    return clean, clean + torch.randn_like(clean) * spread, spread


def _gates(logits: Tensor, k: int) -> Tensor:
    top, chosen = logits.topk(k, dim=-1)
    return torch.zeros_like(logits).scatter(-1, chosen, top.softmax(dim=-1))


def _variation(burden: Tensor) -> Tensor:
    """Squared coefficient of variation over the experts; 0 for a single one."""
    if len(burden) == 1:
        return burden.new_zeros((), dtype=torch.float32)
    burden = burden.float()
    return burden.var() / (burden.mean().square() + 1e-10)
