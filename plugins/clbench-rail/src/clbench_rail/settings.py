"""Settings of RAIL; the defaults are those of the authors' configuration (X-TAIL, ViT-B/16)."""

from __future__ import annotations

from typing import Literal

from clbench import Settings
from pydantic import Field

__all__ = ["DualSettings", "PrimalSettings", "RAILSettings"]


class RAILSettings(Settings):
    """What both forms share."""

    ridge: float = Field(0.1, gt=0, description="λ, strength of the ridge penalty")
    fusion: float = Field(
        0.9, ge=0, le=1, description="β, weight of the adapter beside the zero-shot probabilities"
    )
    features: Literal["embedding", "pre-projection"] = Field(
        "embedding",
        description="what the adapter sees of an image, of unit length: CLIP's embedding, or the vision "
        "tower's output before the projection to it",
    )
    augment: bool = Field(False, description="learn from one random crop of each image, not its test view")
    test_templates: Literal["all", "first"] = Field(
        "all", description="prompts of a class for the zero-shot half: the mean over all, or the first alone"
    )


class PrimalSettings(RAILSettings):
    """RAIL in its primal form: a random hidden layer and recursive ridge regression."""

    hidden: int | None = Field(
        15000, ge=1, description="width of the random hidden layer; none: regress on the features themselves"
    )
    block: int = Field(128, ge=1, description="training images per recursive update; changes rounding alone")


class DualSettings(RAILSettings):
    """RAIL in its dual form: kernel ridge regression with a Gaussian (RBF) kernel."""

    ridge: float = Field(0.001, gt=0, description="λ, added to the diagonal of the kernel matrix")
    gamma: float = Field(0.1, gt=0, description="γ of the kernel exp(-γ · squared distance)")
