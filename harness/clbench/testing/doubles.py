"""Doubles small enough for unit tests: a two-layer CLIP with random weights and streams of drawn images."""

from __future__ import annotations

import functools
import io
import math
import tempfile
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clbench.models.generator import ImageGenerator
from clbench.specs import Part
from clbench.streams import HeldOut, ImageSet, Preprocessing, Stream, Task
from clbench.temporary import owner

if TYPE_CHECKING:
    import PIL.Image
    from datasets import Dataset

    from clbench.methods import Context, Reference
    from clbench.models import Backbone

__all__ = [
    "NoiseGenerator",
    "tiny_backbone",
    "tiny_backbone_on",
    "tiny_backbone_without",
    "tiny_context",
    "tiny_held_out",
    "tiny_images",
    "tiny_names",
    "tiny_reference",
    "tiny_reference_dataset",
    "tiny_stream",
]

_NAMES = ("circle", "square", "stripe", "cross", "dot", "wave", "ring", "grid", "star", "arc")


@functools.cache
def _pristine(seed: int, quick_gelu: bool) -> Backbone:
    import open_clip
    import torch

    from clbench.models import Backbone

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = open_clip.CLIP(
            embed_dim=16,
            vision_cfg={"layers": 2, "width": 32, "head_width": 16, "patch_size": 8, "image_size": 16},
            text_cfg={"context_length": 77, "vocab_size": 49408, "layers": 2, "width": 32, "heads": 2},
            quick_gelu=quick_gelu,
        )
        # Random embeddings of different prompts are nearly collinear; a large scale keeps losses alive.
        torch.nn.init.constant_(model.logit_scale, math.log(100.0))
    preprocessing = Preprocessing(size=16, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    return Backbone("tiny", model.eval(), open_clip.get_tokenizer("ViT-B-32"), preprocessing)


def tiny_backbone(seed: int = 0, *, quick_gelu: bool = False) -> Backbone:
    """A CLIP of two layers a tower, 16×16 images, embedding width 16, random weights from ``seed``."""
    return _pristine(seed, quick_gelu).copy()


@functools.cache
def tiny_backbone_without(part: Part) -> Backbone:
    """A tiny CLIP that lacks one part: a ResNet, a tower that pools by attention, or another text tower.

    Its images are 32×32: a ResNet makes them that much smaller. Hand out copies of it only.
    """
    import open_clip
    import torch
    from torch import nn

    from clbench.models import Backbone

    class MeanOfWords(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.EmbeddingBag(49408, 16)

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            embeddings: torch.Tensor = self.words(tokens)
            return embeddings

    vision: dict[str, object] = {
        "layers": 2,
        "width": 32,
        "head_width": 16,
        "patch_size": 8,
        "image_size": 32,
    }
    text = {"context_length": 77, "vocab_size": 49408, "layers": 2, "width": 32, "heads": 2}
    if part == "vision-transformer":
        vision = {"layers": (1, 1, 1, 1), "width": 8, "head_width": 16, "image_size": 32}
    elif part == "class-token":
        vision |= {"attentional_pool": True, "attn_pooler_queries": 4, "attn_pooler_heads": 2}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model: nn.Module
        if part == "text-transformer":
            model = open_clip.CustomTextCLIP(embed_dim=16, vision_cfg=vision, text_cfg=text)
            model.text = MeanOfWords()
        else:
            model = open_clip.CLIP(embed_dim=16, vision_cfg=vision, text_cfg=text)
        torch.nn.init.constant_(model.logit_scale, math.log(100.0))  # type: ignore[arg-type]
    preprocessing = Preprocessing(size=32, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    tokenizer = open_clip.get_tokenizer("ViT-B-32")
    return Backbone(f"tiny-without-{part}", model.eval(), tokenizer, preprocessing)


def tiny_images(
    count: int, classes: int, *, seed: int = 0, domain: int = 0, size: int = 16, name: str = "tiny"
) -> ImageSet:
    """``count`` noisy images; images of a class of a domain share a pattern that can be learned."""
    import datasets
    import PIL.Image

    random = np.random.default_rng(seed)
    patterns = np.random.default_rng([classes, domain]).integers(0, 256, (classes, 4, 4, 3))
    labels = np.arange(count) % classes
    rows = []
    for label in labels:
        pattern = np.kron(patterns[label], np.ones((size // 4, size // 4, 1)))
        pixels = np.clip(pattern + random.normal(0, 40, pattern.shape), 0, 255).astype(np.uint8)
        buffer = io.BytesIO()
        PIL.Image.fromarray(pixels).save(buffer, "PNG")
        rows.append({"image": {"bytes": buffer.getvalue(), "path": None}, "label": int(label)})
    features = datasets.Features(image=datasets.Image(), label=datasets.Value("int64"))
    return ImageSet(datasets.Dataset.from_list(rows, features=features), name=name)


def tiny_stream(
    tasks: int = 3, classes: int | Sequence[int] = 4, *, train: int = 24, test: int = 12
) -> Stream:
    """A stream of ``tasks`` tasks with ``classes`` classes each, or as many as are given for each."""
    counts = [classes] * tasks if isinstance(classes, int) else list(classes)
    firsts = [sum(counts[:t]) for t in range(tasks)]
    return Stream(
        name="tiny",
        tasks=tuple(
            Task(
                key=f"t{t}",
                title=f"Task {t}",
                classes=tuple(
                    f"{_NAMES[i % len(_NAMES)]} {i}" for i in range(firsts[t], firsts[t] + counts[t])
                ),
                templates=("a photo of a {}.", "a drawing of a {}."),
                train=tiny_images(train, counts[t], seed=2 * t, domain=t, name=f"t{t}/train"),
                test=tiny_images(test, counts[t], seed=2 * t + 1, domain=t, name=f"t{t}/test"),
            )
            for t in range(tasks)
        ),
        protocol="tiny",
    )


def tiny_held_out() -> HeldOut:
    """Ten images of five classes that are in no task."""
    return HeldOut(
        key="tiny-held-out",
        title="Tiny held-out",
        classes=tiny_names(),
        templates=("a photo of a {}.",),
        test=tiny_images(10, 5, seed=77, domain=77, name="tiny-held-out"),
    )


@functools.cache
def tiny_reference(count: int = 20) -> Reference:
    """Reference images and as many texts."""
    from clbench.methods import Reference

    return Reference(
        tiny_images(count, 5, seed=99, name="reference"),
        tuple(f"a picture of thing {i}" for i in range(count)),
    )


def tiny_reference_dataset() -> Dataset:
    """The same reference data as a data set with columns ``image`` and ``text``."""
    reference = tiny_reference()
    return reference.images.dataset.select_columns(["image"]).add_column("text", list(reference.texts))


def tiny_names() -> tuple[str, ...]:
    """Class names that are in no task."""
    return ("apple", "boat", "cloud", "door", "engine")


def tiny_backbone_on(device: str) -> Backbone:
    """:func:`tiny_backbone` on a device."""
    backbone = tiny_backbone()
    backbone.model.to(device)
    return backbone


class NoiseGenerator(ImageGenerator):
    """Draws an image of noise for each seed, tinted by the prompt."""

    name = "tiny-noise"
    digest = "tiny-noise-1"
    steps = 1
    guidance = 1.0

    def __init__(self, device: str = "cpu") -> None:
        del device

    def generate(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        *,
        steps: int | None = None,
        guidance: float | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> list[PIL.Image.Image]:
        import PIL.Image

        del steps, guidance
        images = []
        for done, (prompt, seed) in enumerate(zip(prompts, seeds, strict=True), start=1):
            random = np.random.default_rng([seed, *prompt.encode()])
            images.append(PIL.Image.fromarray(random.integers(0, 256, (16, 16, 3)).astype(np.uint8)))
            if progress is not None:
                progress(done)
        return images


def tiny_context(
    stream: Stream | None = None,
    *,
    backbone: Backbone | None = None,
    seed: int = 0,
    scratch: Path | None = None,
) -> Context:
    """A context for ``stream`` with all kinds of extra data, started before its first task."""
    from clbench.methods import Context

    stream = stream or tiny_stream()
    folder = tempfile.TemporaryDirectory(prefix=f"clbench-scratch-{owner()}-")
    context = Context(
        initial=(backbone or tiny_backbone()).copy().freeze(),
        seed=seed,
        task_keys=stream.keys,
        scratch=scratch or Path(folder.name),
        reference=tiny_reference,
        class_pool=tiny_names,
        generator=NoiseGenerator,
    )
    weakref.finalize(context, folder.cleanup)
    context.begin(f"0:{stream.keys[0]}")
    return context
