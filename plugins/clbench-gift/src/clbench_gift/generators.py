"""Text-to-image models that this plugin offers."""

from __future__ import annotations

from clbench.models.diffusion import DiffusersGenerator

from clbench_gift.needs import SD15

__all__ = ["sd15"]


def sd15(device: str) -> DiffusersGenerator:
    """Stable Diffusion v1.5 as the authors use it: 50 steps, guidance 7.5, half precision on a GPU."""
    half = not device.startswith("cpu")
    return DiffusersGenerator(
        "sd15",
        SD15,
        device=device,
        steps=50,
        guidance=7.5,
        dtype="float16" if half else "float32",
        variant="fp16" if half else None,
        batch_size=16 if half else 1,
    )
