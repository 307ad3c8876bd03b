"""Backbones (CLIP through open_clip), text classifiers, and text-to-image generators."""

from clbench.models.backbone import Backbone
from clbench.models.features import image_features, text_classifier, text_features
from clbench.models.generator import ImageGenerator
from clbench.models.openclip import load_directory, load_open_clip

__all__ = [
    "Backbone",
    "ImageGenerator",
    "image_features",
    "load_directory",
    "load_open_clip",
    "text_classifier",
    "text_features",
]
