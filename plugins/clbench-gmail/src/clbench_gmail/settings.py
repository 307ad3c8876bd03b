"""GMAIL's settings. The sources at hand give no numbers: the defaults are choices of this plugin."""

from __future__ import annotations

from typing import Literal

from clbench.errors import ConfigError
from clbench.methods import Settings
from pydantic import Field

__all__ = ["GMAILSettings", "Target"]

Target = Literal["in_proj", "out_proj", "c_fc", "c_proj"]


class GMAILSettings(Settings):
    """What can be set with ``--set gmail.NAME=VALUE``."""

    rank: int = Field(4, ge=1, description="r of the low-rank adapters of both towers")
    alpha: float = Field(4.0, gt=0, description="adapters' output is scaled by alpha / rank")
    targets: tuple[Target, ...] = Field(
        ("in_proj", "out_proj", "c_fc", "c_proj"),
        min_length=1,
        description="layers of each block with an adapter: in_proj, out_proj (attention), c_fc, c_proj (MLP)",
    )

    align_iterations: int = Field(
        1000, ge=0, description="steps of alignment per task; 0: generated images count as real ones"
    )
    align_warmup: int = Field(100, ge=0, description="steps of linear warm-up of the alignment")
    align_lr: float = Field(1e-4, gt=0, description="peak learning rate of the alignment")
    align_batch_size: int = Field(64, ge=2, description="pairs of generated and real images per step")
    temperature: float | None = Field(
        None, gt=0, description="τ of the alignment; none: 1/s of the backbone, 0.01 for OpenAI's CLIP"
    )
    target: Literal["pair", "class"] = Field(
        "pair",
        description="what a generated image is to match: its partner, or all real images of its class alike",
    )
    symmetric: bool = Field(False, description="average with the loss from real to generated images")
    adapter: Literal["continued", "fresh"] = Field(
        "continued", description="the generated flow's adapter: one for all tasks, or a new one per task"
    )

    num_images: int = Field(1000, ge=2, description="generated images per task, its classes in turn")
    denoising_steps: int | None = Field(
        None, ge=1, description="of the generator; none: the generator's own default"
    )
    guidance: float | None = Field(
        None, ge=0, description="classifier-free guidance; none: the generator's own default"
    )
    image_seed: int = Field(
        42, ge=0, description="decides the images, for all run seeds alike: images are generated once"
    )

    iterations: int = Field(1000, ge=1, description="steps of classification per task")
    warmup: int = Field(100, ge=0, description="steps of linear warm-up of the classification")
    lr: float = Field(1e-4, gt=0, description="peak learning rate, times the task's rate scale")
    batch_size: int = Field(64, ge=1, description="real images of the current task per step")
    label_smoothing: float = Field(0.2, ge=0, lt=1, description="of the classification of real images")
    augment: bool = Field(
        False, description="random crops of the real images; false: test views, embedded once per task"
    )
    rehearsal: float = Field(
        1.0, ge=0, description="weight of the generated images' classification; 0: none are generated"
    )
    rehearsal_batch_size: int = Field(64, ge=2, description="generated images per step")
    rehearse: Literal["seen", "earlier"] = Field(
        "seen", description="generated images of all tasks so far, or without the current one's"
    )

    def check(self, method: str) -> None:
        """Refuse values that cannot work together."""
        del method  # it has one name
        for kind in ("", "align_"):
            warmup, steps = getattr(self, f"{kind}warmup"), getattr(self, f"{kind}iterations")
            if warmup > steps > 0:
                raise ConfigError(
                    f"gmail.{kind}warmup ({warmup}) is longer than gmail.{kind}iterations ({steps})",
                    why="the learning rate would never reach its peak",
                    fix=f"--set gmail.{kind}warmup={steps // 10}",
                )
