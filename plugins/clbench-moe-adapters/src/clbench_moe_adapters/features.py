"""What the autoencoders reconstruct: features of frozen networks, squashed into (0, 1)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from clbench import Backbone, ConfigError, MethodError
from torch import Tensor, nn

from clbench_moe_adapters.settings import FeatureName

__all__ = ["Features", "last_convolution", "task_features"]

Features = Callable[[Tensor], Tensor]
"""Normalised images (batch, 3, size, size) → float32 (batch, D) in (0, 1), without gradient."""


def task_features(name: FeatureName, backbone: Backbone) -> Features:
    """The features of that name.

    ``alexnet`` is the authors' choice: torchvision's AlexNet, trained on ImageNet, up to its last convolution
    (before the activation), on images normalised for CLIP; 43,264 numbers for 224 pixels. The others are
    clbench's: ``tokens`` are the frozen backbone's patch tokens behind half of its blocks (width · patches
    numbers), ``patches`` its patch embedding (as many), ``embedding`` its L2-normalised image embedding
    times √d.

    Raises:
        ConfigError: AlexNet's weights cannot be had.
        MethodError: the backbone has no patch tokens.
    """
    if name == "alexnet":
        network: Any = last_convolution(_alexnet()).to(backbone.device)
    elif name == "tokens":
        network = _half_way(backbone)
    elif name == "patches":
        network = getattr(backbone.model.visual, "conv1", None)
        if not isinstance(network, nn.Conv2d):
            raise MethodError(
                f"backbone {backbone.name} has no patch embedding visual.conv1",
                fix="choose other features: --set moe-adapters.features=embedding",
            )
    else:

        def network(images: Tensor) -> Tensor:
            embeddings = F.normalize(backbone.encode_image(images), dim=-1)
            return embeddings * math.sqrt(embeddings.shape[-1])

    @torch.no_grad()
    def features(images: Tensor) -> Tensor:
        # Differences of errors are small: mixed precision would drown them.
        with torch.autocast(images.device.type, enabled=False):
            return torch.sigmoid(network(images.float()).float().flatten(1))

    return features


def _half_way(backbone: Backbone) -> Features:
    """Patch tokens (batch, patches, width) behind the first half of the vision tower's blocks."""
    visual: Any = backbone.model.visual
    blocks = getattr(getattr(visual, "transformer", None), "resblocks", ())
    if len(blocks) == 0 or not hasattr(visual, "forward_intermediates"):
        raise MethodError(
            f"backbone {backbone.name} has no patch tokens",
            why="its vision tower is not open_clip's own transformer",
            fix="choose other features: --set moe-adapters.features=embedding",
        )

    def tokens(images: Tensor) -> Tensor:
        found = visual.forward_intermediates(
            images,
            indices=[max(len(blocks) // 2, 1) - 1],
            stop_early=True,
            intermediates_only=True,
            output_fmt="NLC",
        )
        half: Tensor = found["image_intermediates"][0]
        return half

    return tokens


def last_convolution(alexnet: nn.Module) -> nn.Sequential:
    """AlexNet's convolutional part without its last activation and pooling, frozen."""
    convolutions = alexnet.features
    assert isinstance(convolutions, nn.Sequential)
    return convolutions[:-2].eval().requires_grad_(False)


def _alexnet() -> nn.Module:
    from torchvision.models import AlexNet_Weights, alexnet

    try:
        network: nn.Module = alexnet(weights=AlexNet_Weights.IMAGENET1K_V1, progress=False)
    except (OSError, RuntimeError) as error:  # no network, or a broken file
        raise ConfigError(
            "the weights of AlexNet, from which MoE-Adapters tells tasks apart, cannot be had",
            why=str(error),
            fix="let torchvision download them once, or use the backbone's own features: "
            "--set moe-adapters.features=tokens --set moe-adapters.threshold=quantile",
        ) from error
    return network
