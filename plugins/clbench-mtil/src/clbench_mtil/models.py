"""CLIP's two vision transformers of 224 pixels that the papers use, and the same with random weights."""

from __future__ import annotations

from clbench.models import Backbone, load_open_clip

__all__ = ["vit_b_16", "vit_b_16_random", "vit_b_32", "vit_b_32_random"]

# OpenAI's weights were trained with QuickGELU; open_clip's plain architectures have GELU. Random weights have
# the same architecture, so that they stand for the real ones in trials.


def vit_b_16(device: str) -> Backbone:
    """ViT-B/16 with OpenAI's weights."""
    return load_open_clip("ViT-B-16.openai", "ViT-B-16-quickgelu", "openai", device=device)


def vit_b_32(device: str) -> Backbone:
    """ViT-B/32 with OpenAI's weights."""
    return load_open_clip("ViT-B-32.openai", "ViT-B-32-quickgelu", "openai", device=device)


def vit_b_16_random(device: str) -> Backbone:
    """ViT-B/16 as it is before any training."""
    return load_open_clip("ViT-B-16.random", "ViT-B-16-quickgelu", None, device=device)


def vit_b_32_random(device: str) -> Backbone:
    """ViT-B/32 as it is before any training."""
    return load_open_clip("ViT-B-32.random", "ViT-B-32-quickgelu", None, device=device)
