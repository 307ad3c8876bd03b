"""The backbone and the generator of the package."""

from __future__ import annotations

from clbench.models import Backbone
from clbench.models.diffusion import DiffusersGenerator
from clbench.models.openclip import load_directory

from clbench_mini.files import BACKBONE, GENERATOR

__all__ = ["mini_clip", "mini_diffusion"]


def mini_clip(device: str) -> Backbone:
    """Load mini-clip the way a ViT-B/16 is loaded from a directory, with open_clip's own tokenizer."""
    return load_directory("mini-clip", BACKBONE, device=device, vocabulary="bpe.txt.gz")


def mini_diffusion(device: str) -> DiffusersGenerator:
    """The text-to-image model, with the steps and guidance that its figures were measured with."""
    return DiffusersGenerator(
        "mini-diffusion",
        GENERATOR,
        device=device,
        steps=6,
        guidance=5.0,
        batch_size=32,
        pipeline_class="clbench_mini.pipeline:MiniDiffusionPipeline",
    )
