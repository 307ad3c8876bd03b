"""GIFT's losses as pure functions: contrastive distillation, image–text alignment, weight consolidation.

Source: Wu et al., "Synthetic Data is an Elegant GIFT for Continual Vision-Language Models", CVPR 2025.
Where the authors' code departs from the paper's formulas, the functions compute what the code computes
and say so; the formula stays reachable through an argument.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import overload

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    "NO_GRADIENT_WEIGHT",
    "consolidation_penalty",
    "consolidation_weights",
    "contrastive_distillation",
    "image_text_alignment",
    "tempered",
]

NO_GRADIENT_WEIGHT = 1e-6
"""Consolidation weight of a tensor that took no part in the synthetic losses, as in the authors' code."""

_Tensors = Iterable[Tensor] | Mapping[str, Tensor]


def contrastive_distillation(
    teacher_logits: Tensor, student_logits: Tensor, temperature: float = 2.0
) -> tuple[Tensor, Tensor]:
    """Pull the student's image–text similarities of a batch towards the teacher's.

    Each half is a soft cross-entropy with the teacher as target, ``-T² mean_i Σ_j q_ij log p_ij`` with
    ``q = softmax(teacher / T)`` and ``p = softmax(student / T)``: over the prompts for each image, and over
    the images for each prompt. Its gradient is that of T² KL(teacher ‖ student); the value also holds the
    teacher's entropy. The paper writes the divergence of raw cosines (its contrastive distillation loss):
    hand in cosines and ``temperature=1`` for that.

    Args:
        teacher_logits, student_logits: (images, prompts); the teacher gets no gradient.
        temperature: T > 0.

    Returns:
        The image half and the text half, scalars.

    Raises:
        ValueError: shapes differ or the temperature is not positive.
    """
    teacher, student = tempered(teacher_logits, student_logits, temperature)
    image = F.cross_entropy(student, teacher.softmax(dim=1))
    text = F.cross_entropy(student.T, teacher.T.softmax(dim=1))
    return image * temperature**2, text * temperature**2


def tempered(teacher_logits: Tensor, student_logits: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Both matrices divided by the temperature, the teacher's without gradient.

    Raises:
        ValueError: shapes differ or the temperature is not positive.
    """
    if teacher_logits.shape != student_logits.shape or teacher_logits.ndim != 2:
        raise ValueError(
            "teacher and student logits must be matrices of one shape, "
            f"got {tuple(teacher_logits.shape)} and {tuple(student_logits.shape)}"
        )
    if not temperature > 0:
        raise ValueError(f"the temperature must be positive, got {temperature}")
    return teacher_logits.detach() / temperature, student_logits / temperature


def image_text_alignment(
    logits: Tensor, prompt_ids: Tensor | Sequence[int], label_smoothing: float = 0.2
) -> tuple[Tensor, Tensor]:
    """Match every generated image with the prompt it was made from.

    The target of row i is ``Y_ij = E_ij / Σ_k E_ik`` with ``E_ij = 1`` where images i and j share a prompt:
    duplicates share the mass. The paper's target is the identity, which distinct ids give
    (``range(batch)``). Where equal prompts have equal logits, as with embeddings from one encoder, both
    targets give the same loss and gradient: mass moves between equal columns, or between equal rows.

    Args:
        logits: (batch, batch), image i against the prompt of image j.
        prompt_ids: (batch,), equal where prompts are equal.
        label_smoothing: ε: the target is ``(1 - ε) Y + ε / batch``. The authors' code smooths with the
            classification loss's 0.2; the paper's formula has none.

    Returns:
        The image half (softmax over prompts) and the text half (softmax over images), scalars.

    Raises:
        ValueError: the logits are not square or the ids do not fit them.
    """
    ids = torch.as_tensor(prompt_ids, device=logits.device)
    if logits.ndim != 2 or logits.shape[0] != logits.shape[1] or ids.shape != logits.shape[:1]:
        raise ValueError(
            "alignment needs square logits and one prompt id per row, "
            f"got {tuple(logits.shape)} and {tuple(ids.shape)}"
        )
    same = (ids[:, None] == ids[None, :]).to(logits.dtype)
    target = same / same.sum(dim=1, keepdim=True)
    image = F.cross_entropy(logits, target, label_smoothing=label_smoothing)
    text = F.cross_entropy(logits.T, target, label_smoothing=label_smoothing)
    return image, text


@overload
def consolidation_weights(
    grads: Mapping[str, Tensor | None], *, normalise: bool = True
) -> dict[str, Tensor]: ...
@overload
def consolidation_weights(grads: Iterable[Tensor | None], *, normalise: bool = True) -> list[Tensor]: ...
def consolidation_weights(
    grads: Mapping[str, Tensor | None] | Iterable[Tensor | None], *, normalise: bool = True
) -> dict[str, Tensor] | list[Tensor]:
    """Turn gradients of the synthetic losses into one importance per weight (a batch's Fisher diagonal).

    Args:
        grads: gradients, by name or in order. ``None`` (the tensor took no part) gives the scalar
            :data:`NO_GRADIENT_WEIGHT`, which broadcasts.
        normalise: divide each tensor's squares by their mean, as the authors' code does, so that every
            tensor's weights average one. ``False``: plain squares, as the paper writes them.

    Returns:
        The weights, detached, shaped like the gradients; a dictionary for a mapping, else a list. A
        gradient that is zero everywhere gives zeros, also when normalised (0/0 in the formula).
    """
    if isinstance(grads, Mapping):
        return {name: _importance(grad, normalise) for name, grad in grads.items()}
    return [_importance(grad, normalise) for grad in grads]


@torch.no_grad()
def _importance(grad: Tensor | None, normalise: bool) -> Tensor:
    if grad is None:
        return torch.tensor(NO_GRADIENT_WEIGHT)
    if grad.numel() == 0 or not normalise:
        return grad.square()
    # Scaled to a largest entry of one first: squares of very small or large gradients leave float32's range.
    largest = grad.abs().amax()
    unit = (grad / torch.where(largest > 0, largest, torch.ones_like(largest))).square_()
    mean = unit.mean()
    return unit.div_(torch.where(mean > 0, mean, torch.ones_like(mean)))


def consolidation_penalty(
    parameters: _Tensors, anchors: _Tensors, weights: _Tensors | None = None, coefficient: float = 1.0
) -> Tensor:
    """``λ Σ_p Σ_i F_pi (θ_pi - θ_prev,pi)²``: adaptive weight consolidation; without weights plain L2.

    Its gradient, ``2 λ F (θ - θ_prev)``, is what :class:`clbench_gift.method.GIFT` adds in place.

    Args:
        parameters, anchors, weights: θ, θ_prev, F; all in the same order, or all by name. Anchors and
            weights get no gradient.
        coefficient: λ.

    Raises:
        ValueError: the numbers, names or shapes of the tensors do not match, or there is none.
    """
    thetas = _aligned(parameters, parameters)
    before = _aligned(anchors, parameters)
    importance: Sequence[Tensor | None] = (
        [None] * len(thetas) if weights is None else _aligned(weights, parameters)
    )
    if not thetas or not len(thetas) == len(before) == len(importance):
        raise ValueError(
            f"{len(thetas)} parameters, {len(before)} anchors and {len(importance)} weights: one each"
        )
    terms = []
    for theta, anchor, factor in zip(thetas, before, importance, strict=True):
        if theta.shape != anchor.shape or (
            factor is not None and factor.ndim and factor.shape != theta.shape
        ):
            raise ValueError(f"a parameter of shape {tuple(theta.shape)} has an anchor or weights of another")
        square = (theta - anchor.detach()).square()
        terms.append((square if factor is None else factor.detach().to(square) * square).sum())
    return coefficient * torch.stack(terms).sum()


def _aligned(tensors: _Tensors, like: _Tensors) -> list[Tensor]:
    """Tensors as a list, a mapping in the order of the mapping ``like``."""
    if not isinstance(tensors, Mapping):
        return list(tensors)
    if not isinstance(like, Mapping) or set(tensors) != set(like):
        raise ValueError("parameters, anchors and weights must have the same names")
    return [tensors[name] for name in like]
