"""What must be on the disk before images can be generated. Nothing is opened."""

from __future__ import annotations

from clbench import Need

__all__ = ["SD15", "of_sd15"]

SD15 = "stable-diffusion-v1-5/stable-diffusion-v1-5"
"""The repository on the Hugging Face hub."""


def of_sd15() -> tuple[Need, ...]:
    """Stable Diffusion's weights, which diffusers fetches at their first use and keeps."""
    from huggingface_hub import try_to_load_from_cache

    there = isinstance(try_to_load_from_cache(SD15, "model_index.json"), str)
    cure = f"some gigabytes from the Hugging Face hub ({SD15})"
    return (Need(what="weights of Stable Diffusion v1.5", there=there, cure=cure, comes=True),)
