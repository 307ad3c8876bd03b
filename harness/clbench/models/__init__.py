"""Backbones (CLIP through open_clip), text classifiers, and text-to-image generators.

Names are loaded on first use, so that light modules of this package can be imported without torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench.lazy import lazy_names

if TYPE_CHECKING:
    from clbench.models.backbone import Backbone
    from clbench.models.features import cosines, image_features, text_classifier, text_features
    from clbench.models.generator import ImageGenerator
    from clbench.models.openai import from_openai_state
    from clbench.models.openclip import load_directory, load_open_clip

__all__ = [
    "Backbone",
    "ImageGenerator",
    "cosines",
    "from_openai_state",
    "image_features",
    "load_directory",
    "load_open_clip",
    "text_classifier",
    "text_features",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        ".backbone": ("Backbone",),
        ".features": ("cosines", "image_features", "text_classifier", "text_features"),
        ".generator": ("ImageGenerator",),
        ".openai": ("from_openai_state",),
        ".openclip": ("load_directory", "load_open_clip"),
    },
)
