"""The losses of ZSCL as pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from clbench.models import cosines
from torch import Tensor, nn

__all__ = [
    "add_l2_gradient",
    "distillation",
    "image_similarity_distillation",
    "image_text_distillation",
    "l2_penalty",
]

_NEVER = -1e4
"""Logit of an image with itself, which takes it out of the softmax; the authors' value."""

Target = Literal["teacher", "student"]


def distillation(
    teacher_logits: Tensor,
    student_logits: Tensor,
    temperature: float = 2.0,
    target: Target = "teacher",
) -> Tensor:
    """Soft cross-entropy of the student with the teacher as target, times the squared temperature.

    ``T² · mean over rows of -Σ_k softmax(teacher / T)_k · log_softmax(student / T)_k``. Its gradient is that
    of ``T² · KL(teacher ‖ student)``; the value also holds the teacher's entropy, a constant, so it is
    not zero where the two agree.

    ZSCL's paper (Eq. 3) writes the cross-entropy with the roles exchanged; its authors' code has the
    teacher as the target. ``target="student"`` is the paper's formula,
    ``-Σ_k softmax(student / T)_k · log_softmax(teacher / T)_k``.

    Args:
        teacher_logits: (rows, columns), or with more leading dimensions; taken as constants.
        student_logits: of the same shape.
        temperature: T, above 0.
        target: whose distribution weighs the other's logarithms.

    Returns:
        A scalar.

    Raises:
        ValueError: the shapes differ, there are no rows, or the temperature is not above 0.
    """
    if teacher_logits.shape != student_logits.shape:
        raise ValueError(
            f"teacher logits have shape {tuple(teacher_logits.shape)}, "
            f"student logits {tuple(student_logits.shape)}: they must be equal"
        )
    if teacher_logits.ndim == 0 or teacher_logits.numel() == 0:
        raise ValueError(f"logits of shape {tuple(teacher_logits.shape)} have no rows to compare")
    if not temperature > 0:
        raise ValueError(f"the temperature must be above 0, it is {temperature}")
    sides = (teacher_logits.detach() / temperature, student_logits / temperature)
    weighing, weighed = sides if target == "teacher" else sides[::-1]
    terms = F.softmax(weighing, dim=-1) * F.log_softmax(weighed, dim=-1)
    return -terms.sum(dim=-1).mean() * temperature**2


def image_text_distillation(
    Z: Tensor,
    Z_teacher: Tensor,
    W_teacher: Tensor,
    scale: Tensor | float,
    temperature: float = 2.0,
    *,
    W: Tensor | None = None,
    target: Target = "teacher",
) -> tuple[Tensor, Tensor]:
    """Both distillations of a batch of images: over all texts for each image, over all images for each text.

    The logits are ``scale · cosine``. Without ``W`` the texts are the teacher's on both sides, as in the code
    of ZSCL's authors; so the second distillation, "of texts", is the same matrix transposed, and both have
    their gradient in the student's image embeddings alone.

    Args:
        Z: the student's image embeddings, (batch, d), of unit length as all embeddings here.
        Z_teacher: the teacher's of the same images.
        W_teacher: the teacher's text embeddings, (R, d).
        scale: s = exp(logit_scale).
        temperature: T.
        W: the student's embeddings of the same texts, (R, d): then its text tower is distilled, too.
        target: see :func:`distillation`.

    Returns:
        Two scalars: image distillation (mean over the batch), text distillation (mean over R texts).
    """
    Q = scale * cosines(Z_teacher, W_teacher)
    P = scale * cosines(Z, W_teacher if W is None else W)
    return distillation(Q, P, temperature, target), distillation(Q.T, P.T, temperature, target)


def image_similarity_distillation(
    Z: Tensor,
    Z_teacher: Tensor,
    scale: Tensor | float,
    temperature: float = 2.0,
    target: Target = "teacher",
) -> Tensor:
    """Distillation over all *other* images of the batch for each image: which images are alike.

    The logits are ``scale · Z Zᵀ`` for the student and ``scale · Z_teacher Z_teacherᵀ`` for the teacher,
    each image's similarity to itself being set to -10⁴. An ablation of ZSCL's authors
    (``--ablation_loss_2``), which needs no texts.

    Args:
        Z: the student's image embeddings, (batch, d), of unit length.
        Z_teacher: the teacher's of the same images.
        scale: s = exp(logit_scale).
        temperature: T.
        target: see :func:`distillation`.

    Returns:
        A scalar, the mean over the batch; zero for a single image, which has no others.
    """
    itself = torch.eye(len(Z), dtype=torch.bool, device=Z.device)
    Q = (scale * cosines(Z_teacher, Z_teacher)).masked_fill(itself, _NEVER)
    P = (scale * cosines(Z, Z)).masked_fill(itself, _NEVER)
    return distillation(Q, P, temperature, target)


def l2_penalty(parameters: Iterable[Tensor], anchor: Iterable[Tensor]) -> Tensor:
    """Squared distance of all parameters from an anchor: ``Σ (θ - θ_anchor)²``, summed, not averaged.

    ZSCL, Eq. 5 ("weight consolidation"). A scalar with gradient.

    Raises:
        ValueError: the numbers of tensors differ, or there are none.
    """
    distances = [(p - a).square().sum() for p, a in zip(parameters, anchor, strict=True)]
    if not distances:
        raise ValueError("there are no parameters to penalise")
    return torch.stack(distances).sum()


@torch.no_grad()
def add_l2_gradient(
    parameters: Sequence[nn.Parameter], anchor: Sequence[Tensor], coefficient: float = 1.0
) -> None:
    """Add the gradient of ``coefficient · l2_penalty(parameters, anchor)`` to the gradients, in place.

    The gradient is ``2 · coefficient · (θ - θ_anchor)``: a few fused operations in place of an autograd
    graph over every weight. Parameters without a gradient are left out, as an optimiser leaves them.

    Raises:
        ValueError: the numbers of tensors differ.
    """
    pairs = [(p, a) for p, a in zip(parameters, anchor, strict=True) if p.grad is not None]
    if not pairs:
        return
    # The difference comes first: adding 2θ and taking off 2θ_anchor would cancel nearly all digits.
    shifts = torch._foreach_sub([p for p, _ in pairs], [a for _, a in pairs])
    gradients = [p.grad for p, _ in pairs if p.grad is not None]
    torch._foreach_add_(gradients, shifts, alpha=2.0 * coefficient)
