"""The losses of CLIP-KD as pure functions of embeddings.

Source: Yang et al., "CLIP-KD: An Empirical Study of CLIP Model Distillation", CVPR 2024. Throughout, the
student's embeddings are U (images) and V (texts), the teacher's A and B; row i of each belongs to pair i, all
rows are of unit length, and the teacher's get no gradient. Where the authors' code has a bug, the functions
compute the mathematics; whoever wants the bug hands in what the bug hands in, as their docstrings say.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from clbench.models import cosines
from torch import Tensor

__all__ = [
    "Embeddings",
    "contrastive_relational_distillation",
    "cross_knowledge_distillation",
    "feature_distillation",
    "gradient_distillation",
    "info_nce",
    "info_nce_gradients",
    "interactive_contrastive_learning",
]

Scale = Tensor | float


class Embeddings(NamedTuple):
    """Embeddings of a batch of pairs: images (pairs, d) and texts (pairs, d)."""

    images: Tensor
    texts: Tensor


def info_nce(pairs: Embeddings, scale: Scale) -> Tensor:
    """Match images with texts: ``(CE(s U Vᵀ, I) + CE(s V Uᵀ, I)) / 2``; a scalar.

    CLIP's own loss: the *task loss* of the paper, and, given fused embeddings, its augmented feature
    distillation (AFD).

    Args:
        pairs: unit vectors.
        scale: s, the inverse temperature.

    Raises:
        ValueError: images and texts are not as many, or not as wide.
    """
    _check(pairs)
    return _symmetric_cross_entropy(
        scale * cosines(pairs.images, pairs.texts), scale * cosines(pairs.texts, pairs.images)
    )


def contrastive_relational_distillation(
    student: Embeddings, teacher: Embeddings, scale: Scale, teacher_scale: Scale
) -> Tensor:
    """CRD: the student's similarities of a batch follow the teacher's; a scalar.

    ``(KL(softmax(s_t A Bᵀ) ‖ softmax(s U Vᵀ)) + the same of the transposed) / 2``, each the mean over rows.
    The two may be of different widths.
    """
    _check(student, teacher, same_width=False)
    P = scale * cosines(*student)
    Q = teacher_scale * cosines(*teacher)
    return (_divergence(Q, P) + _divergence(Q.T, P.T)) / 2


def feature_distillation(
    student: Embeddings, teacher: Embeddings, reduction: Literal["mean", "sum"] = "mean"
) -> Tensor:
    """FD: the student's embeddings move to the teacher's; a scalar.

    Squared differences of U and A plus those of V and B. Given embeddings of masked images it is masked
    feature distillation (MFD), see :func:`clbench_clip_kd.masking.masked_patches`.

    Args:
        student, teacher: unit vectors of one width.
        reduction: ``mean`` over pairs and dimensions, as the code, which the weight 2000 belongs to; ``sum``
            over dimensions and mean over pairs, the squared distances.
    """
    _check(student, teacher)
    images, texts = (
        (s - t.detach()).square().sum(dim=-1).mean() for s, t in zip(student, teacher, strict=True)
    )
    total = images + texts
    return total / student.images.shape[-1] if reduction == "mean" else total


def interactive_contrastive_learning(student: Embeddings, teacher: Embeddings, scale: Scale) -> Tensor:
    """ICL: match the student's images with the teacher's texts, and its texts with the teacher's images.

    ``(CE(c U Bᵀ, I) + CE(c V Aᵀ, I)) / 2``, a scalar.

    Args:
        student, teacher: unit vectors of one width.
        scale: c = exp(a learned number). The authors' code hands in the number itself.
    """
    _check(student, teacher)
    return _symmetric_cross_entropy(*_crossed(student, teacher, scale))


def cross_knowledge_distillation(
    student: Embeddings, teacher: Embeddings, scale: Scale, teacher_scale: Scale
) -> Tensor:
    """Cross-KD: as ICL, but the targets are the teacher's own similarities; a scalar.

    ``(KL(softmax(s_t A Bᵀ) ‖ softmax(c U Bᵀ)) + KL(softmax(s_t B Aᵀ) ‖ softmax(c V Aᵀ))) / 2``. The
    authors' code has it; their recipe does not use it.
    """
    _check(student, teacher)
    images, texts = _crossed(student, teacher, scale)
    Q = teacher_scale * cosines(*teacher)
    return (_divergence(Q, images) + _divergence(Q.T, texts)) / 2


def gradient_distillation(
    student: Embeddings, teacher: Embeddings, temperature: Scale, teacher_temperature: Scale
) -> Tensor:
    """GD: the student's InfoNCE loss has the gradients that the teacher's has; a scalar.

    The sum of four mean squared differences: of the gradients with respect to anchors and contrasts, with
    images as anchors and with texts as anchors. See :func:`info_nce_gradients`.

    Args:
        student, teacher: unit vectors of one width.
        temperature, teacher_temperature: 1 / s and 1 / s_t. The authors' code hands in s and s_t.
    """
    _check(student, teacher)
    ours = (
        *info_nce_gradients(*student, temperature),
        *info_nce_gradients(student.texts, student.images, temperature),
    )
    with torch.no_grad():
        theirs = (
            *info_nce_gradients(*teacher, teacher_temperature),
            *info_nce_gradients(teacher.texts, teacher.images, teacher_temperature),
        )
    return torch.stack([F.mse_loss(g, h) for g, h in zip(ours, theirs, strict=True)]).sum()


def info_nce_gradients(anchors: Tensor, contrasts: Tensor, temperature: Scale) -> tuple[Tensor, Tensor]:
    """Return the gradients of ``CE(x yᵀ / τ, I)`` with respect to anchors x and contrasts y, both (pairs, d).

    In closed form, differentiable themselves: with ``p = softmax(x yᵀ / τ)`` and n pairs they are
    ``(p - I) y / (τ n)`` and ``(p - I)ᵀ x / (τ n)``.
    """
    _check(Embeddings(anchors, contrasts))
    residual = F.softmax(cosines(anchors, contrasts) / temperature, dim=-1)
    residual = residual - torch.eye(len(residual), dtype=residual.dtype, device=residual.device)
    with torch.autocast(anchors.device.type, enabled=False):
        x, y = anchors.to(residual.dtype), contrasts.to(residual.dtype)
        n = len(residual)
        return residual @ y / temperature / n, residual.T @ x / temperature / n


def _crossed(student: Embeddings, teacher: Embeddings, scale: Scale) -> tuple[Tensor, Tensor]:
    """``c U Bᵀ`` and ``c V Aᵀ``."""
    return (
        scale * cosines(student.images, teacher.texts.detach()),
        scale * cosines(student.texts, teacher.images.detach()),
    )


def _symmetric_cross_entropy(images: Tensor, texts: Tensor) -> Tensor:
    own = torch.arange(len(images), device=images.device)
    return (F.cross_entropy(images, own) + F.cross_entropy(texts, own)) / 2


def _divergence(teacher_logits: Tensor, student_logits: Tensor) -> Tensor:
    """``KL(softmax(teacher) ‖ softmax(student))``, mean over rows; the teacher is a constant."""
    return F.kl_div(
        F.log_softmax(student_logits, dim=-1),
        F.log_softmax(teacher_logits.detach(), dim=-1),
        reduction="batchmean",
        log_target=True,
    )


def _check(*embeddings: Embeddings, same_width: bool = True) -> None:
    """Raise ValueError unless all are matrices of as many rows, and of one width."""
    shapes = [tuple(part.shape) for each in embeddings for part in each]
    rows = {shape[:1] for shape in shapes}
    widths = {shape[1:] for shape in shapes} if same_width else set()
    if any(len(shape) != 2 for shape in shapes) or len(rows) != 1 or len(widths) > 1:
        raise ValueError(
            "embeddings of pairs are matrices with one row per pair"
            f"{', of one width' if same_width else ''}; their shapes are {', '.join(map(str, shapes))}"
        )
