"""GIFT's settings; defaults are those of the paper and its authors' configuration files."""

from __future__ import annotations

from typing import Literal

from clbench.errors import ConfigError
from clbench.methods import FineTuningSettings, OfficialCompute
from pydantic import Field

from clbench_gift.prompts import TASK_STRIDE

__all__ = ["GIFTSettings"]


class GIFTSettings(OfficialCompute, FineTuningSettings):
    """What can be set with ``--set gift.NAME=VALUE``."""

    weight_decay: float = Field(0.0, ge=0, description="AdamW's decoupled weight decay")

    num_images: int = Field(1000, ge=1, le=TASK_STRIDE, description="generated images per task")
    synthetic_batch_size: int = Field(64, ge=1, description="generated images per step")
    denoising_steps: int | None = Field(
        None, ge=1, description="of the generator; none: the generator's own default"
    )
    guidance: float | None = Field(
        None, ge=0, description="classifier-free guidance; none: the generator's own default"
    )
    pool_template: str = Field(
        "a photo of a {}.", pattern=r"\{\}", description="puts the class pool's names into words"
    )
    image_seed: int = Field(
        42, ge=1, description="decides prompts and images, for all run seeds alike: images are generated once"
    )

    distillation: float = Field(1.0, ge=0, description="α, weight of contrastive distillation; 0: off")
    distillation_loss: Literal["cross_entropy", "reverse_kl", "feature_mse"] = Field(
        "cross_entropy",
        description="soft cross-entropy with the teacher as target; ablations: KL(student ‖ teacher), or "
        "the squared error of embeddings",
    )
    distillation_logits: Literal["scaled", "cosine"] = Field(
        "scaled",
        description="scaled: s·cos/T (authors' code); cosine: raw cosines (paper's formula)",
    )
    temperature: float = Field(2.0, gt=0, description="T of the distillation, with scaled logits")
    alignment: float = Field(0.25, ge=0, description="β, weight of image–text alignment; 0: off")
    alignment_smoothing: float = Field(
        0.2, ge=0, lt=1, description="of the alignment targets (authors' code); 0: the paper's formula"
    )
    teacher: Literal["previous", "initial"] = Field(
        "previous", description="whom to distil from: the model before the task, or the pre-trained one"
    )
    synthetic_gradient: Literal["both", "image_only", "text_only"] = Field(
        "both", description="towers that learn from generated images; else the teacher's embeddings"
    )

    consolidation: Literal["awc", "l2", "none"] = Field(
        "awc", description="pull to the previous weights: awc (adaptive), l2 (equal for all weights), none"
    )
    consolidation_weight: float = Field(1.0, ge=0, description="λ of the consolidation")
    fisher_normalised: bool = Field(
        True, description="awc: importances average one per tensor (authors' code); false: plain"
    )
    static_awc: int = Field(
        0, ge=0, description="awc: running mean over this many steps, then frozen; 0: each step's own"
    )

    static_awc_unzeroed: bool = Field(
        False,
        description="the code's bug: once static_awc's steps are over, gradients are no longer set to zero "
        "and generated images no longer learned from",
    )
    summed_in_place: bool = Field(
        False,
        description="the first release's bug with awc: losses are added in place, so that the gradients of "
        "generated images and of the pull count twice",
    )

    @property
    def unzeroed(self) -> bool:
        """Whether gradients pile up from some step on."""
        return self.static_awc_unzeroed and self.static_awc > 0 and self.consolidation == "awc"

    def check(self, method: str) -> None:
        """Refuse values that cannot work together."""
        super().check(method)
        if self.consolidation == "awc" and not (self.distillation or self.alignment):
            raise ConfigError(
                "gift.consolidation is awc, but distillation and alignment are both off",
                why="adaptive consolidation takes its importances from the gradient of these two",
                fix="set gift.consolidation to l2 or none",
            )
