"""A task's generated images."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from clbench.errors import DataError
from clbench.models import Backbone
from clbench.models.generation import GeneratedImages
from clbench.streams import ImageSet, Preprocessing
from torch import Tensor

__all__ = ["Synthetic", "without_black"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Synthetic:
    """A task's generated images, with what the teacher makes of them.

    Attributes:
        images: the images.
        prompts: distinct prompts, in order of first use.
        prompt_ids: (images,) index into ``prompts``, on the CPU.
        teacher_images: (images, d) unit vectors.
        teacher_prompts: (prompts, d) unit vectors.
        teacher: the teacher itself, where it is to encode each batch anew (``official_compute``).
    """

    images: ImageSet
    prompts: tuple[str, ...]
    prompt_ids: Tensor
    teacher_images: Tensor
    teacher_prompts: Tensor
    teacher: Backbone | None = None


def without_black(
    generated: GeneratedImages, task: str, preprocessing: Preprocessing
) -> tuple[ImageSet, tuple[str, ...]]:
    """Leave out all-black images, a safety checker's refusals, as the authors do.

    Args:
        generated: images with their prompts.
        task: key of the task they were generated for.
        preprocessing: of the model that will see them.

    Returns:
        The images that are left, and their prompts.

    Raises:
        DataError: none is left.
    """
    pixels = generated.images.pixels(preprocessing)
    kept = [i for i in range(len(pixels)) if np.any(pixels[i])]
    if len(kept) == len(pixels):
        return generated.images, generated.prompts
    if not kept:
        raise DataError(
            f"all {len(pixels)} generated images for task {task} are black",
            why="the generator's safety checker refused them, or its weights are damaged",
            fix="look at the contact sheet; choose another generator with --generator NAME",
        )
    _log.warning("%d of %d generated images are black and left out", len(pixels) - len(kept), len(pixels))
    images = ImageSet(generated.images.dataset.select(kept), name=generated.images.name, label=None)
    return images, tuple(generated.prompts[i] for i in kept)
