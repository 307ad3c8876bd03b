"""Settings of ZSCL; the defaults are those of the paper's MTIL experiments."""

from __future__ import annotations

from typing import Literal

from clbench.errors import ConfigError
from clbench.methods import FineTuningSettings, OfficialCompute
from pydantic import Field

__all__ = ["ZSCLSettings"]


class ZSCLSettings(OfficialCompute, FineTuningSettings):
    """ZSCL on MTIL (Zheng et al. 2023, and the authors' script for it)."""

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
    ensemble_interval: int = Field(
        100, ge=1, description="steps between two snapshots in that mean, or two pulls of the moving average"
    )

    teacher: Literal["initial", "previous"] = Field(
        "initial", description="whom to distil from: the pre-trained model, or the one before the task"
    )
    feature_mse: float = Field(
        0.0, ge=0, description="ablation: weight of the squared error of reference image embeddings"
    )
    image_similarity: float = Field(
        0.0, ge=0, description="ablation: weight of distilling which reference images are alike"
    )
    moving_average: float = Field(
        1.0,
        ge=0,
        le=1,
        description="ablation: share of the live weights when they are pulled to earlier ones; 1: off",
    )
    moving_average_towards: Literal["previous", "last", "initial"] = Field(
        "previous",
        description="to which: those before the task, those before the last pull, the pre-trained ones",
    )
    wise_alpha: float = Field(
        1.0, ge=0, le=1, description="WiSE-FT: share of the learned weights in the task's result; 1: off"
    )
    wise_towards: Literal["previous", "initial"] = Field(
        "previous", description="WiSE-FT: the rest, the weights before the task or the pre-trained ones"
    )

    distillation_target: Literal["teacher", "student"] = Field(
        "teacher",
        description="whose distribution weighs the other's logarithms in the distillation: the teacher's "
        "(authors' code), or the student's (the paper's formula)",
    )
    distilled_texts: Literal["teacher", "student"] = Field(
        "teacher",
        description="whose embeddings of reference texts the student's images are compared with: the "
        "teacher's (authors' code), or its own, so that its text tower is distilled, too",
    )
    snapshots: Literal["first_step", "interval"] = Field(
        "first_step",
        description="when the ensemble takes its snapshots: after the first step and every interval from "
        "there (authors' code), or at the end of every interval",
    )
    long_captions: Literal["ended", "cut"] = Field(
        "ended",
        description="captions longer than the text tower reads: cut with the end of text put at the end, or "
        "without, so that they are read at the start of text (authors' code)",
    )

    @property
    def compares_with_texts(self) -> bool:
        """Whether reference texts have a part in the loss."""
        return self.image_weight > 0 or self.text_weight > 0

    @property
    def distils(self) -> bool:
        """Whether reference images have a part in the loss."""
        return self.compares_with_texts or self.feature_mse > 0 or self.image_similarity > 0

    def check(self, method: str) -> None:
        """Refuse values that cannot work together."""
        super().check(method)
        if self.moving_average < 1 and self.ensemble:
            raise ConfigError(
                "zscl can keep the mean of its weights or pull them to earlier ones, not both",
                why="the authors' loop does either: the moving average is an ablation of the ensemble",
                fix="--set zscl.ensemble=false",
            )
        if self.distilled_texts == "student" and self.reference_texts == "random":
            raise ConfigError(
                "zscl cannot distil the text tower on random texts",
                why="they are drawn once and encoded by the teacher alone",
                fix="--set zscl.reference_texts=captions",
            )
