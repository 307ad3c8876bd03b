"""RAIL's fusion: which answers come from the adapter, and which from the zero-shot model."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["fuse"]

_TIE_BREAKER = 1e-9


def fuse(zero_shot: Tensor, adapter: Tensor, unseen: Tensor, beta: float) -> tuple[Tensor, Tensor]:
    """Scores of learned and of unseen classes whose largest is RAIL's answer in any label space.

    RAIL asks the zero-shot model first. Where it names an unseen class, that is the answer. Where it names
    a learned one, the answer is the largest of ``(1 - β) · softmax(zero-shot) + β · adapter``, the adapter
    being 0 for unseen classes. Put in scores of one class at a time, with m the largest zero-shot logit of a
    learned class:

    * a learned class has the fused value, its softmax taken over the learned classes;
    * an unseen class with logit z ≤ m has ``(1 - β)`` times its odds against them, exp(z) / Σ exp;
    * an unseen class with z > m is where the zero-shot model leaves the learned classes: z - m above the
      largest fused value, so that it wins over every learned class.

    Scores of unseen classes rise strictly with z (equal exponentials are told apart by a term of 1e-9 · z),
    so among unseen classes the answer is always the zero-shot model's.

    The authors take the softmax over all classes of the test, unseen ones included, which a score that does
    not depend on the other columns cannot: theirs weighs the zero-shot part less where unseen classes are
    likely. Where all classes are learned the two are the same.

    Source: Xu et al., NeurIPS 2024 (fusion module), as in the authors' code.

    Args:
        zero_shot: logits 100 · cosine of the learned classes, (batch, L), L ≥ 1.
        adapter: regression outputs of the same classes, (batch, L).
        unseen: logits of the other classes, (batch, U).
        beta: β.

    Returns:
        Scores (batch, L) and (batch, U), float64.
    """
    zero_shot, adapter, unseen = (x.to(torch.float64) for x in (zero_shot, adapter, unseen))
    probabilities = zero_shot.softmax(dim=-1)
    fused = (1.0 - beta) * probabilities + beta * adapter
    best = zero_shot.amax(dim=-1, keepdim=True)
    odds = (1.0 - beta) * torch.exp(unseen.minimum(best) - zero_shot.logsumexp(dim=-1, keepdim=True))
    # Above every fused value, and above the odds of every unseen class that is not beyond the border.
    ceiling = torch.maximum(
        fused.amax(dim=-1, keepdim=True), (1.0 - beta) * probabilities.amax(dim=-1, keepdim=True)
    )
    beyond = unseen - best
    return fused, torch.where(beyond > 0, ceiling + beyond, odds + _TIE_BREAKER * beyond)
