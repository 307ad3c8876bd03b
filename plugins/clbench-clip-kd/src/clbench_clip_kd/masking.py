"""Masked images: a vision transformer that sees a random part of its patches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from clbench.errors import ConfigError
from open_clip.transformer import PatchDropout, VisionTransformer
from torch import nn

__all__ = ["masked_patches", "require_patches"]


@contextmanager
def masked_patches(model: nn.Module, ratio: float) -> Iterator[None]:
    """Drop a random ``ratio`` of each image's patches from all forward passes inside the block.

    The class token stays, and at least one patch. Which patches stay is drawn anew at each pass from torch's
    global generator. Source: MFD; open_clip's patch dropout (FLIP, Li et al. 2023) does it.

    Raises:
        ConfigError: the vision tower is no vision transformer of open_clip's own make.
    """
    require_patches(model)
    visual = model.visual
    assert isinstance(visual, VisionTransformer)
    ordinary = visual.patch_dropout
    # A fresh module is in training mode, where alone it drops, whatever mode the model is in.
    visual.patch_dropout = PatchDropout(ratio)
    try:
        yield
    finally:
        visual.patch_dropout = ordinary


def require_patches(model: nn.Module) -> None:
    """Raise ConfigError unless patches of the model's vision tower can be masked."""
    if not isinstance(getattr(model, "visual", None), VisionTransformer):
        raise ConfigError(
            "masked feature distillation needs a vision transformer",
            why=f"the student's vision tower is a {type(getattr(model, 'visual', None)).__name__}",
            fix="set mfd to 0, or mfd_unmasked to true",
        )
