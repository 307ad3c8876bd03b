"""DIKI's settings; defaults are those of the authors' MTIL configuration."""

from __future__ import annotations

from typing import Literal

from clbench.errors import ConfigError
from clbench.methods.settings import OfficialCompute
from pydantic import Field, PositiveFloat

__all__ = ["DIKISettings"]


class DIKISettings(OfficialCompute):
    """Settings of DIKI."""

    depth: int = Field(
        8, ge=1, description="prompted blocks in each tower, from the first; at most all of them"
    )
    length: int = Field(8, ge=1, description="prompt slots in each prompted layer")
    lr: float = Field(5.0, gt=0, description="learning rate of the first step (plain SGD)")
    final_lr: float = Field(0.005, ge=0, description="learning rate that the cosine falls towards")
    epochs: int = Field(10, ge=1, description="passes through a task's training images")
    steps: int | None = Field(None, ge=1, description="optimiser steps a task, instead of epochs")
    batch_size: int = Field(128, ge=1, description="training images a step")
    inference: Literal["batch_vote", "per_sample"] = Field(
        "batch_vote",
        description="batch_vote: one task for all images of a test batch, as the authors' code; "
        "per_sample: each image by itself",
    )
    calibrated: bool = Field(True, description="weigh the prompts by likelihood; false is the ablation IKI")
    score_scale: Literal["authors", "dimension"] | PositiveFloat = Field(
        "authors",
        description="divisor of log densities: authors (512), dimension (embedding width), or a number",
    )
    score_shift: float = Field(
        1.0, description="taken off the divided log density before the sigmoid; 0: the paper's formula"
    )
    vote_weight: Literal["own", "winner"] = Field(
        "own",
        description="batch_vote: an image's weight is by the density of its own best task (authors' code), "
        "or of the task that won the vote",
    )
    text_levels: int = Field(
        16,
        ge=1,
        description="per_sample only: the text tower's weight is rounded to a multiple of 1/text_levels",
    )
    jitter: float = Field(1e-7, ge=0, description="added to the diagonal of each task's covariance")
    test_templates: Literal["first", "all"] = Field(
        "first", description="prompts of a class at test: the training prompt, or the mean over all templates"
    )

    def check(self, method: str) -> None:
        """Refuse values that cannot work together."""
        del method  # it has one name
        if self.final_lr > self.lr:
            raise ConfigError(
                f"diki.final_lr = {self.final_lr:g} is above diki.lr = {self.lr:g}",
                why="the learning rate falls from lr to final_lr",
                fix=f"--set diki.final_lr={self.lr / 1000:g}",
            )
