"""mini-diffusion: a text-to-image pipeline in diffusers' own parts, conditioned on mini-clip's text tower.

Images of 32×32 pixels are denoised as 8×8 maps of 48 channels: each position holds a block of 4×4 pixels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import (
    DiffusionPipeline,
    DPMSolverMultistepScheduler,
    ImagePipelineOutput,
    UNet2DConditionModel,
)
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from clbench_mini.files import BACKBONE

__all__ = ["BLOCK", "MiniDiffusionPipeline", "TextTower", "weights_digest"]

BLOCK = 4
SIZE = 32


def weights_digest(directory: Path) -> str:
    """SHA-256 of the backbone's weight file: says which text tower a generator was trained on."""
    return hashlib.sha256((directory / "open_clip_model.safetensors").read_bytes()).hexdigest()


class TextTower:
    """mini-clip's text tower, frozen: what the denoiser is told of a prompt.

    Args:
        model: an ``open_clip.CLIP``.
        tokenizer: texts → token ids (n, context).
    """

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model = model
        self.tokenizer = tokenizer

    @classmethod
    def load(cls, directory: Path) -> TextTower:
        """Load from the backbone's directory."""
        from clbench.models.openclip import load_directory

        backbone = load_directory("mini-clip", directory, vocabulary="bpe.txt.gz").freeze()
        return cls(backbone.model, backbone.tokenize)

    @torch.no_grad()
    def __call__(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return hidden states (n, context, width), zero behind the text, and unit embeddings (n, d)."""
        tokens = self.tokenizer(list(prompts))
        ends = tokens.argmax(dim=1)
        model = self.model
        hidden = model.token_embedding(tokens) + model.positional_embedding
        hidden = model.ln_final(model.transformer(hidden, attn_mask=model.attn_mask))
        pooled = hidden[torch.arange(len(hidden)), ends] @ model.text_projection
        inside = torch.arange(tokens.shape[1])[None, :] <= ends[:, None]
        return hidden * inside[:, :, None], F.normalize(pooled, dim=-1)


class MiniDiffusionPipeline(DiffusionPipeline):  # type: ignore[misc]
    """Prompts → 32×32 images, with classifier-free guidance.

    Args:
        unet: denoiser on (n, 48, 8, 8) maps, told the hidden states and, as class embedding, the pooled text.
        scheduler: a multistep DPM solver: few steps, and the same noise gives the same image.
        backbone_digest: of the backbone whose text tower it was trained on; checked when the tower is loaded.
    """

    def __init__(
        self, unet: UNet2DConditionModel, scheduler: DPMSolverMultistepScheduler, backbone_digest: str = ""
    ) -> None:
        super().__init__()
        self.register_modules(unet=unet, scheduler=scheduler)
        self.register_to_config(backbone_digest=backbone_digest)

    @cached_property
    def text_tower(self) -> TextTower:
        """The text tower of the package's own backbone: its weights are not kept twice.

        Raises:
            ValueError: the backbone's weights are not those that the denoiser was trained with.
        """
        if weights_digest(BACKBONE) != self.config.backbone_digest:
            raise ValueError("mini-diffusion was trained with other mini-clip weights than the package's")
        return TextTower.load(BACKBONE)

    @torch.no_grad()
    def __call__(
        self,
        prompt: str | Sequence[str],
        num_inference_steps: int = 6,
        guidance_scale: float = 5.0,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
        output_type: str = "pil",
    ) -> ImagePipelineOutput:
        """Return ``.images``: PIL images, or an array (n, 32, 32, 3) in [0, 1] for ``output_type="np"``.

        A list of generators gives each image its own noise, so that it does not depend on its batch.
        """
        prompts = [prompt] if isinstance(prompt, str) else list(prompt)
        side, channels = SIZE // BLOCK, self.unet.config.in_channels
        maps = torch.cat(
            [_noise((1, channels, side, side), _pick(generator, i)) for i in range(len(prompts))]
        )
        guided = guidance_scale != 1.0
        hidden, pooled = self.text_tower(prompts)
        if guided:
            nothing = self.text_tower([""])
            hidden, pooled = (
                torch.cat([told, untold.expand_as(told)])
                for told, untold in zip((hidden, pooled), nothing, strict=True)
            )
        maps, hidden, pooled = (x.to(self.device, self.unet.dtype) for x in (maps, hidden, pooled))
        self.scheduler.set_timesteps(num_inference_steps, device=self.device)
        for time in self.scheduler.timesteps:
            inputs = torch.cat([maps, maps]) if guided else maps
            predicted = self.unet(inputs, time, hidden, class_labels=pooled).sample
            if guided:
                told, untold = predicted.chunk(2)
                predicted = untold + guidance_scale * (told - untold)
            maps = self.scheduler.step(predicted, time, maps).prev_sample
        images = (
            F.pixel_shuffle(maps.float(), BLOCK).clamp(-1, 1).add(1).div(2).permute(0, 2, 3, 1).cpu().numpy()
        )
        if output_type == "pil":
            return ImagePipelineOutput(
                [Image.fromarray((image * 255).round().astype(np.uint8)) for image in images]
            )
        return ImagePipelineOutput(images)


def _pick(
    generator: torch.Generator | Sequence[torch.Generator] | None, index: int
) -> torch.Generator | None:
    return generator if generator is None or isinstance(generator, torch.Generator) else generator[index]


def _noise(shape: tuple[int, ...], generator: torch.Generator | None) -> Tensor:
    """Standard noise, always drawn on the CPU in float32: the same on every device."""
    return torch.randn(shape, generator=generator)
