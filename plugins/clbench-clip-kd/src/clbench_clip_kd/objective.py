"""The sum of CLIP-KD's losses on a batch of pairs, with what of it is learned."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clbench_clip_kd.losses import (
    Embeddings,
    contrastive_relational_distillation,
    cross_knowledge_distillation,
    feature_distillation,
    gradient_distillation,
    info_nce,
    interactive_contrastive_learning,
)
from clbench_clip_kd.settings import ObjectiveSettings

__all__ = ["Objective", "TowerLayers", "unit"]

INITIAL_LOG_SCALE = math.log(1 / 0.07)


class TowerLayers(nn.Module):
    """One linear layer for image embeddings and one for text embeddings."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.images = nn.Linear(inputs, outputs)
        self.texts = nn.Linear(inputs, outputs)

    def forward(self, pairs: Embeddings) -> Embeddings:
        return Embeddings(self.images(pairs.images), self.texts(pairs.texts))


class Objective(nn.Module):
    """CLIP-KD's losses with their weights; its parameters are trained with the student.

    Only what the weights switch on is built:

    * ``projection`` maps the student's embeddings to the teacher's width where the two differ, for all losses
      but the contrastive one and CRD, which compare similarities;
    * ``fusion`` mixes student and teacher for AFD, back to the student's width;
    * ``cross_log_scale`` (ICL, cross-KD) and ``fusion_log_scale`` (AFD), from ln(1 / 0.07).

    Args:
        settings: weights and options.
        student_width, teacher_width: of the embeddings.
    """

    def __init__(self, settings: ObjectiveSettings, student_width: int, teacher_width: int) -> None:
        super().__init__()
        self.settings = settings
        compared = settings.fd or settings.mfd or settings.gd or settings.icl or settings.cross_kd
        if compared and student_width != teacher_width:
            self.projection: TowerLayers | None = TowerLayers(student_width, teacher_width)
        else:
            self.projection = None
        if settings.afd:
            self.fusion = TowerLayers(student_width + teacher_width, student_width)
            self.fusion_log_scale = nn.Parameter(torch.tensor(INITIAL_LOG_SCALE))
        if settings.icl or settings.cross_kd:
            self.cross_log_scale = nn.Parameter(torch.tensor(INITIAL_LOG_SCALE))

    def forward(
        self,
        student: Embeddings,
        teacher: Embeddings,
        scale: Tensor,
        teacher_scale: Tensor,
        masked_images: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Return the weighted losses by name, in float32 also under mixed precision.

        Args:
            student: as the towers give them, not normalised.
            teacher: unit vectors, without gradient.
            scale, teacher_scale: s and s_t, the exponentials of the two logit scales.
            masked_images: the student's embeddings of masked images, where the settings mask any.

        Raises:
            ValueError: embeddings of the masked images are wanted and not given.
        """
        with torch.autocast(student.images.device.type, enabled=False):
            return self._losses(_full(student), _full(teacher), scale, teacher_scale, masked_images)

    def _losses(
        self,
        student: Embeddings,
        teacher: Embeddings,
        scale: Tensor,
        teacher_scale: Tensor,
        masked_images: Tensor | None,
    ) -> dict[str, Tensor]:
        settings = self.settings
        own = _units(student)
        aligned = own if self.projection is None else _units(self.projection(student))
        losses: dict[str, Tensor] = {}
        if settings.contrastive:
            losses["contrastive"] = settings.contrastive * info_nce(own, scale)
        if settings.crd:
            crd = contrastive_relational_distillation(own, teacher, scale, teacher_scale)
            losses["CRD"] = settings.crd * crd
        if settings.fd:
            losses["FD"] = settings.fd * feature_distillation(aligned, teacher, settings.fd_reduction)
        if settings.mfd:
            seen = self._masked(student, masked_images) if settings.masks else aligned
            losses["MFD"] = settings.mfd * feature_distillation(seen, teacher, settings.fd_reduction)
        if settings.icl:
            icl = interactive_contrastive_learning(aligned, teacher, self._scale(self.cross_log_scale))
            losses["ICL"] = settings.icl * icl
        if settings.cross_kd:
            c = self._scale(self.cross_log_scale)
            losses["cross-KD"] = settings.cross_kd * cross_knowledge_distillation(
                aligned, teacher, c, teacher_scale
            )
        if settings.gd:
            temperatures = (
                (scale, teacher_scale) if settings.gd_inverse_temperature else (1 / scale, 1 / teacher_scale)
            )
            losses["GD"] = settings.gd * gradient_distillation(aligned, teacher, *temperatures)
        if settings.afd:
            both = (torch.cat(parts, dim=-1) for parts in zip(own, teacher, strict=True))
            fused = _units(self.fusion(Embeddings(*both)))
            losses["AFD"] = settings.afd * info_nce(fused, self._scale(self.fusion_log_scale))
        return losses

    def _masked(self, student: Embeddings, masked_images: Tensor | None) -> Embeddings:
        """Unit vectors of the masked images and of the whole texts, in the teacher's width."""
        if masked_images is None:
            raise ValueError("masked feature distillation needs the embeddings of the masked images")
        pairs = _full(Embeddings(masked_images, student.texts))
        return _units(pairs if self.projection is None else self.projection(pairs))

    def _scale(self, log_scale: Tensor) -> Tensor:
        return log_scale if self.settings.raw_scale else log_scale.exp()


def unit(x: Tensor) -> Tensor:
    """Rows (n, d) scaled to unit length, never narrower than float32."""
    return F.normalize(x.to(torch.promote_types(x.dtype, torch.float32)), dim=-1)


def _units(pairs: Embeddings) -> Embeddings:
    return Embeddings(unit(pairs.images), unit(pairs.texts))


def _full(pairs: Embeddings) -> Embeddings:
    return Embeddings(*(x.to(torch.promote_types(x.dtype, torch.float32)) for x in pairs))
