"""Settings of MoE-Adapters; the defaults are those of the authors' script for MTIL (Order I, full data)."""

from __future__ import annotations

from typing import Literal

from clbench import Settings
from clbench.errors import ConfigError
from pydantic import Field, PositiveFloat

__all__ = ["FeatureName", "MoEAdaptersSettings"]

FeatureName = Literal["alexnet", "tokens", "patches", "embedding"]


class MoEAdaptersSettings(Settings):
    """MoE-Adapters on MTIL (Yu et al. 2024, and the authors' script for it)."""

    iterations: int = Field(
        1000, ge=1, description="length of the schedule; one step more is taken, the last at rate 0"
    )
    warmup: int = Field(100, ge=0, description="steps of linear warm-up before the cosine")
    lr: float = Field(1e-3, gt=0, description="peak learning rate of AdamW")
    rates: dict[str, PositiveFloat] = Field(
        default_factory=dict, description="peak learning rates by task key, instead of lr; all tasks or none"
    )
    batch_size: int = Field(64, ge=1, description="images of the current task per step")
    label_smoothing: float = Field(0.2, ge=0, lt=1, description="smoothing of the classification loss")

    experts: int = Field(22, ge=1, description="adapters in each block")
    top_k: int = Field(2, ge=1, description="adapters that a router chooses for a sequence")
    bottleneck: int = Field(64, ge=1, description="inner width of an adapter")
    dropout: float = Field(0.1, ge=0, lt=1, description="dropout inside the adapters while training")
    adapter_scale: float = Field(0.1, gt=0, description="factor on an adapter's output")
    towers: Literal["both", "vision"] = Field("both", description="towers whose blocks get adapters")
    frozen_experts: int = Field(
        2, ge=0, description="most used experts of a block that are frozen after each task; 0: none"
    )

    frozen_among: Literal["all", "free"] = Field(
        "all",
        description="among which those are: all, so that one frozen before may count again (authors' code), "
        "or those that are free yet",
    )
    load_balance: float = Field(
        0.0,
        ge=0,
        description="weight of the load-balance loss, which the authors' code computes with 0.01 and throws "
        "away",
    )

    features: FeatureName = Field(
        "alexnet",
        description="what autoencoders reconstruct: alexnet (its last convolution), or of the frozen "
        "backbone its tokens half-way, its patches' embedding or its image embedding",
    )
    code: int = Field(100, ge=1, description="inner width of an autoencoder")
    autoencoder_iterations: int = Field(300, ge=1, description="steps of a task's autoencoder, plus one")
    reference_iterations: int = Field(
        1000, ge=1, description="steps of the reference data's autoencoder, plus one"
    )
    autoencoder_lr: float = Field(0.01, gt=0, description="learning rate of Adam for autoencoders")
    autoencoder_decay_epochs: int = Field(
        10, ge=1, description="epochs after which that rate falls to a tenth, again and again"
    )
    autoencoder_weight_decay: float = Field(1e-4, ge=0, description="L2 of Adam for autoencoders")
    autoencoder_augment: bool = Field(
        True,
        description="autoencoders see random crops; false: the test view, whose features are computed "
        "once and held in memory",
    )
    autoencoder_batch_size: int = Field(64, ge=1, description="images per step of an autoencoder")
    threshold: PositiveFloat | Literal["quantile"] = Field(
        0.0655,
        description="largest error at which a task is taken for known: a number, or quantile: of the errors "
        "of the task's own training images",
    )
    quantile: float = Field(0.99, gt=0, le=1, description="which quantile, if threshold is quantile")
    inference: Literal["batch", "per_sample"] = Field(
        "batch",
        description="batch: one task for all images of a test batch, as the authors' code; per_sample: each "
        "image by itself",
    )
    test_templates: Literal["all", "first"] = Field(
        "all", description="prompts of a class at test: the mean over all templates, or the training prompt"
    )

    def check(self, method: str) -> None:
        """Refuse values that cannot work together."""
        del method  # it has one name
        problems = []
        if self.warmup > self.iterations:
            problems.append(
                ConfigError(
                    f"moe-adapters warms up for {self.warmup} of {self.iterations} iterations",
                    why="the learning rate would never reach its peak",
                    fix=f"--set moe-adapters.warmup={self.iterations // 10}",
                )
            )
        for name in ("top_k", "frozen_experts"):
            if getattr(self, name) > self.experts:
                problems.append(
                    ConfigError(
                        f"moe-adapters.{name} = {getattr(self, name)}, but there are "
                        f"{self.experts} experts in a block",
                        fix=f"--set moe-adapters.{name}={min(2, self.experts)}",
                    )
                )
        if problems:
            raise problems[0] if len(problems) == 1 else ConfigError(problems=problems)
