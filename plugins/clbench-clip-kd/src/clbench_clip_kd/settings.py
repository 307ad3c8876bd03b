"""Settings of CLIP-KD: its objective, the continual method, and the distillation into a smaller model."""

from __future__ import annotations

from typing import Literal

from clbench import Settings
from clbench.methods import FineTuningSettings
from pydantic import Field

__all__ = ["ClipKDSettings", "DistillSettings", "ObjectiveSettings"]


class ObjectiveSettings(Settings):
    """The losses on pairs; the weights are the paper's best recipe (Yang et al. 2024)."""

    contrastive: float = Field(
        1.0, ge=0, description="weight of CLIP's own loss on the pairs, the paper's task loss"
    )
    crd: float = Field(1.0, ge=0, description="weight of contrastive relational distillation")
    fd: float = Field(2000.0, ge=0, description="weight of feature distillation")
    icl: float = Field(1.0, ge=0, description="weight of interactive contrastive learning")
    mfd: float = Field(0.0, ge=0, description="weight of masked feature distillation; the paper's is 2000")
    gd: float = Field(
        0.0,
        ge=0,
        description="weight of gradient distillation; the paper's 1e8 is for gd_inverse_temperature",
    )
    afd: float = Field(0.0, ge=0, description="weight of augmented feature distillation")
    cross_kd: float = Field(0.0, ge=0, description="weight of cross-KD, which is in the code alone")
    mask_ratio: float = Field(0.75, gt=0, lt=1, description="share of patches that mfd masks")
    fd_reduction: Literal["mean", "sum"] = Field(
        "mean", description="of fd and mfd over dimensions: mean, as the code, or sum, the squared distance"
    )
    raw_scale: bool = Field(
        False, description="the code's bug: the learned scale of icl, cross_kd and afd without exp"
    )
    mfd_unmasked: bool = Field(False, description="the code's bug: mfd masks nothing, and is fd")
    gd_inverse_temperature: bool = Field(
        False, description="the code's bug: gd divides by the logit scale where it should multiply"
    )

    @property
    def has_pair_losses(self) -> bool:
        """Whether any loss on pairs is switched on."""
        return any(
            (self.contrastive, self.crd, self.fd, self.icl, self.mfd, self.gd, self.afd, self.cross_kd)
        )

    @property
    def masks(self) -> bool:
        """Whether images are encoded a second time, masked."""
        return self.mfd > 0 and not self.mfd_unmasked


class ClipKDSettings(ObjectiveSettings, FineTuningSettings):
    """CLIP-KD as a continual method: the objective on reference pairs, and the MTIL protocol's training."""

    teacher: Literal["initial", "previous"] = Field(
        "initial", description="the pre-trained model, or the model as it is when a task begins"
    )
    reference_batch_size: int = Field(64, ge=2, description="reference pairs per step")


class DistillSettings(ObjectiveSettings):
    """CLIP-KD as published: the objective on a data set of pairs, and the training of the authors' script."""

    epochs: int = Field(32, ge=1, description="passes over the pairs")
    batch_size: int = Field(1024, ge=2, description="pairs per step; the authors' are 8 GPUs x 128")
    lr: float = Field(1e-3, gt=0, description="peak learning rate of AdamW")
    warmup: int = Field(10_000, ge=0, description="steps of linear warm-up before the cosine")
    beta1: float = Field(0.9, ge=0, lt=1, description="AdamW's first beta")
    beta2: float = Field(
        0.98, ge=0, lt=1, description="AdamW's second beta (0.999 for convolutional students)"
    )
    eps: float = Field(1e-6, gt=0, description="AdamW's epsilon (1e-8 for convolutional students)")
    weight_decay: float = Field(
        0.1, ge=0, description="AdamW's, not on vectors, norms, biases and the logit scale"
    )
    module_weight_decay: float = Field(
        0.01, ge=0, description="AdamW's, on the losses' own layers and scales"
    )
    augment: bool = Field(
        True,
        description="random crops, and a teacher that runs every step; false: test views, teacher cached",
    )
