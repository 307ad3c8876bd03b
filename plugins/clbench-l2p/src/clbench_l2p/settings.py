"""Settings of L2P; the defaults are those of the authors' configuration for five data sets in a row."""

from __future__ import annotations

from typing import Literal

from clbench import Settings
from clbench.errors import ConfigError
from pydantic import Field

__all__ = ["L2PSettings"]


class L2PSettings(Settings):
    """L2P's prompt pool and its training."""

    pool_size: int = Field(20, ge=1, description="M, prompts in the pool")
    length: int = Field(10, ge=1, description="L_p, tokens of a prompt")
    top_k: int = Field(4, ge=1, description="N, prompts that an image gets; at most as many as the pool has")
    pull: float = Field(0.5, ge=0, description="λ, weight of the pull of chosen keys to the image's query")
    epochs: int = Field(5, ge=1, description="passes through a task's training images")
    iterations: int | None = Field(None, ge=1, description="optimiser steps a task, instead of epochs")
    lr: float = Field(
        0.015, gt=0, description="constant learning rate of Adam; the authors' 0.03 · batch_size / 256"
    )
    batch_size: int = Field(128, ge=1, description="training images a step")
    clip: float = Field(1.0, ge=0, description="largest norm of the gradient of a step; 0: unlimited")
    augment: bool = Field(True, description="train on random crops; false: on the test view")
    diversify: Literal["mask", "frequency", "none"] = Field(
        "mask",
        description="what keeps tasks apart in training. mask: each task its own prompts while the pool has "
        "some (the authors' code); frequency: prompts of earlier tasks look farther away (the paper)",
    )
    warm_start: bool = Field(
        True, description="with mask: a task's prompts start as those of the task before it"
    )
    pooling: Literal["class", "prompt"] = Field(
        "class",
        description="what the embedding is read from: CLIP's class token, or the mean over the prompts' own "
        "outputs (the paper, whose classifier is trained)",
    )
    test_templates: Literal["all", "first"] = Field(
        "all", description="prompts of a class at test: the mean over all templates, or the training prompt"
    )

    def check(self, method: str) -> None:
        """Refuse values that cannot work together."""
        if self.top_k > self.pool_size:
            raise ConfigError(
                f"{method} cannot choose top_k={self.top_k} of a pool of {self.pool_size} prompts",
                why="each image gets top_k different prompts",
                fix=f"--set {method}.pool_size={5 * self.top_k}",
            )
