"""Backbones (CLIP through open_clip), text classifiers, and text-to-image generators.

Names are loaded on first use, so that light modules of this package can be imported without torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clbench.models.backbone import Backbone
    from clbench.models.features import image_features, text_classifier, text_features
    from clbench.models.generator import ImageGenerator
    from clbench.models.openclip import load_directory, load_open_clip

_MODULE_OF = {
    "Backbone": "backbone",
    "ImageGenerator": "generator",
    "image_features": "features",
    "load_directory": "openclip",
    "load_open_clip": "openclip",
    "text_classifier": "features",
    "text_features": "features",
}

__all__ = [
    "Backbone",
    "ImageGenerator",
    "image_features",
    "load_directory",
    "load_open_clip",
    "text_classifier",
    "text_features",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'clbench.models' has no attribute {name!r}")
    value = getattr(import_module(f"clbench.models.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
