"""What CLIP-KD's authors decay, and how many steps a training takes."""

from __future__ import annotations

from typing import Any

from clbench.errors import ConfigError
from torch import nn

from clbench_clip_kd.settings import DistillSettings

__all__ = ["decays", "parameter_groups", "steps_per_epoch"]


def decays(name: str, parameter: nn.Parameter) -> bool:
    """Whether the authors' rule decays a parameter of the student: matrices but those of norms and biases."""
    excluded = ("bn", "ln", "bias", "logit_scale")
    return parameter.ndim >= 2 and not any(part in name for part in excluded)


def parameter_groups(
    model: nn.Module, objective: nn.Module, settings: DistillSettings
) -> list[dict[str, Any]]:
    """AdamW's groups: the student without decay and with it, and the objective's own parameters."""
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for n, p in named if not decays(n, p)], "weight_decay": 0.0},
        {"params": [p for n, p in named if decays(n, p)], "weight_decay": settings.weight_decay},
        {"params": list(objective.parameters()), "weight_decay": settings.module_weight_decay},
    ]
    return [group for group in groups if group["params"]]


def steps_per_epoch(settings: DistillSettings, images: int, texts: int) -> int:
    """Return the number of full batches in ``images`` pairs.

    The rest of a pass is left out, as the authors' loader does: contrast depends on the size of a batch.

    Raises:
        ConfigError: nothing can be learned with these settings from so many images and texts.
    """
    if not settings.has_pair_losses:
        raise ConfigError("no loss is switched on", fix="give one a weight: --set fd=2000")
    if images != texts:
        raise ConfigError(
            "distillation needs pairs, each image with its caption",
            why=f"there are {images} images and {texts} texts",
        )
    steps = images // settings.batch_size
    if not steps:
        raise ConfigError(
            f"{images} pairs fill no batch of {settings.batch_size}",
            fix=f"--set batch_size={max(2, images // 8)}",
        )
    if settings.warmup > settings.epochs * steps:
        raise ConfigError(
            f"the warm-up of {settings.warmup} steps outlasts the training of {settings.epochs * steps}",
            why="the learning rate would never reach its peak",
            fix=f"--set warmup={settings.epochs * steps // 10}",
        )
    return steps
