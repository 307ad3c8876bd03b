"""Settings of ZSCL; the defaults are those of the paper's MTIL experiments."""

from __future__ import annotations

from typing import Literal

from clbench import Settings
from pydantic import Field

__all__ = ["ZSCLSettings"]


class ZSCLSettings(Settings):
    """ZSCL on MTIL (Zheng et al. 2023, and the authors' script for it)."""

    iterations: int = Field(
        1000, ge=1, description="length of the schedule; one step more is taken, the last at rate 0"
    )
    warmup: int = Field(100, ge=0, description="steps of linear warm-up before the cosine")
    lr: float = Field(1e-5, gt=0, description="peak learning rate of AdamW, times the task's rate scale")
    batch_size: int = Field(64, ge=1, description="images of the current task per step")
    label_smoothing: float = Field(0.2, ge=0, lt=1, description="smoothing of the classification loss")
    reference_batch_size: int = Field(64, ge=1, description="reference images per step")
    reference_texts: Literal["captions", "class_prompts", "random"] = Field(
        "captions",
        description="captions of the reference data, prompts of the stream's class pool, or random tokens",
    )
    max_reference_texts: int | None = Field(
        None,
        ge=1,
        description="use a random selection of so many reference texts; none: all (1000 if random)",
    )
    temperature: float = Field(2.0, gt=0, description="temperature of the distillation")
    image_weight: float = Field(1.0, ge=0, description="weight of the image distillation; 0: off")
    text_weight: float = Field(1.0, ge=0, description="weight of the text distillation; 0: off")
    l2: float = Field(1.0, ge=0, description="weight of the distance to the task's starting weights; 0: off")
    ensemble: bool = Field(True, description="keep the mean of the weights along the training")
    ensemble_interval: int = Field(100, ge=1, description="steps between two snapshots in that mean")
