"""The images generated for a task, and the real image that each one is paired with."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import torch
from clbench.errors import DataError
from clbench.methods import Context
from clbench.streams import ImageSet, TrainingTask
from torch import Tensor

from clbench_gmail.settings import GMAILSettings

__all__ = ["Pairs", "Partners", "generated_pairs", "image_classes", "image_seeds"]

_SEED_STRIDE = 10_000_000

_log = logging.getLogger(__name__)


class Partners:
    """Real training images to pair generated ones with, by class.

    Args:
        labels: (n,) classes of the training images.

    Attributes:
        classes: those with at least one image, ascending.
    """

    def __init__(self, labels: np.ndarray) -> None:
        ids = torch.from_numpy(np.asarray(labels, dtype=np.int64))
        self._order = ids.argsort(stable=True)
        self._counts = ids.bincount()
        self._starts = self._counts.cumsum(0) - self._counts
        self.classes: tuple[int, ...] = tuple(self._counts.nonzero()[:, 0].tolist())

    def draw(self, classes: Tensor, generator: torch.Generator) -> Tensor:
        """Draw a real image of each class, uniformly: (batch,) positions in the training set, on the CPU.

        Args:
            classes: (batch,) on the CPU; only those in :attr:`classes`.
            generator: of the CPU.
        """
        # In float64, so that u < 1 stays below the count however large it is.
        u = torch.rand(len(classes), generator=generator, dtype=torch.float64)
        within = (u * self._counts[classes]).long()
        return self._order[self._starts[classes] + within]


def image_classes(classes: tuple[int, ...], count: int, *, seed: int) -> tuple[int, ...]:
    """Return the class of each of ``count`` images: all in turn, in an order that ``seed`` decides."""
    order = np.random.default_rng(seed).permutation(len(classes))
    return tuple(classes[order[j % len(classes)]] for j in range(count))


def image_seeds(count: int, *, seed: int) -> tuple[int, ...]:
    """Return the images' seeds, the same in every task, so that no image depends on the tasks' order.

    Prompts tell the images of two tasks apart.
    """
    return tuple(range(_SEED_STRIDE * seed, _SEED_STRIDE * seed + count))


@dataclass(frozen=True)
class Pairs:
    """A task's generated images and whom they can be paired with.

    Attributes:
        images: the generated images.
        classes: (images,) the class of each, on the CPU.
        partners: the task's real images by class.
    """

    images: ImageSet
    classes: Tensor
    partners: Partners


def generated_pairs(task: TrainingTask, context: Context, settings: GMAILSettings) -> Pairs:
    """Generate images from the training prompts of the classes that have real images to be paired with.

    A contact sheet is left in the run's scratch folder. Images that are black all over, a safety checker's
    refusals, are left out with a warning.

    Raises:
        DataError: all are black.
    """
    partners = Partners(task.train.labels)
    classes = image_classes(partners.classes, settings.num_images, seed=settings.image_seed)
    generated = context.generate(
        [task.labels.first_prompts[c] for c in classes],
        image_seeds(settings.num_images, seed=settings.image_seed),
        steps=settings.denoising_steps,
        guidance=settings.guidance,
    )
    generated.keep_sheet(context.scratch / f"generated-{task.index + 1:02d}-{task.key}.png")
    pixels = generated.images.pixels(context.initial.preprocessing)
    seen = [i for i in range(len(pixels)) if np.any(pixels[i])]
    if not seen:
        raise DataError(
            f"all {len(pixels)} generated images for task {task.key} are black",
            why="the generator's safety checker refused them, or its weights are damaged",
            fix="look at the contact sheet; choose another generator with --generator NAME",
        )
    if len(seen) == len(pixels):
        return Pairs(generated.images, torch.tensor(classes), partners)
    _log.warning("%d of %d generated images are black and left out", len(pixels) - len(seen), len(pixels))
    images = ImageSet(generated.images.dataset.select(seen), name=generated.images.name, label=None)
    return Pairs(images, torch.tensor(classes)[seen], partners)
