"""One task learned from given weights and batches: what a check against another implementation needs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from clbench.errors import ConfigError
from clbench.methods import Batch, Context, Method, Reference
from clbench.models.backbone import Backbone
from clbench.models.generation import GeneratedImages
from clbench.streams import ImageSet, LabelSpace, Preprocessing, TrainingTask
from clbench.temporary import temporary_folder

if TYPE_CHECKING:
    import PIL.Image

__all__ = ["learn_given"]


def learn_given(
    name: str,
    backbone: Backbone,
    *,
    batches: Sequence[tuple[Tensor, Tensor]],
    prompts: Sequence[str],
    settings: Mapping[str, Any] | None = None,
    reference: Sequence[Tensor] = (),
    reference_texts: Sequence[str] = (),
    generated: Sequence[tuple[Tensor, Sequence[str]]] = (),
    initial: Backbone | None = None,
    seed: int = 0,
) -> Method:
    """Let a method learn one task from batches that are given, in their order, as they are.

    The method, its loop and its settings are those of a run; only where a run would draw batches, crop
    images or generate them, the given ones are taken, over and over if the steps are more. How large a
    batch is follows from what is given, not from the settings; the number of steps follows from the
    settings. All images are model inputs: normalised, (batch, 3, size, size).

    Args:
        name: a method's name, as on the command line.
        backbone: the weights to begin with; they are copied.
        batches: the task's (images, labels), labels int64 (batch,) and indices into ``prompts``.
        prompts: the training prompt of each class.
        settings: values that replace the method's defaults.
        reference: batches of reference images, where the method asks for reference data.
        reference_texts: the reference texts (as captions).
        generated: batches of generated images with the prompt of each, where the method asks for them.
        initial: the pre-trained model, where it is not ``backbone``: in a second task, say.
        seed: of everything else that is random.

    Returns:
        The method after the task: its weights are ``method.backbone.model.state_dict()``, under OpenAI's
        names.

    Raises:
        ConfigError: the settings cannot work, or what is given does not fit together.
    """
    from clbench.config.settings import resolve_settings
    from clbench.plugins import get_registry
    from clbench.specs import load_reference

    contribution = get_registry().find("method", name)
    values, _, problems = resolve_settings(contribution, None, settings or {})
    if problems:
        raise ConfigError(f"{name} cannot learn with these settings", problems=problems)
    factory = load_reference(contribution.spec.factory)
    chosen = load_reference(contribution.spec.settings)(**values)
    factory.check(chosen)

    start, pretrained = backbone.copy(), (initial or backbone).copy().freeze()
    for model in (start, pretrained):
        model.preprocessing = _AsGiven(model.preprocessing.size, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    task = TrainingTask(
        index=0,
        key="given",
        title="Given",
        labels=LabelSpace.of(tuple(prompts), ("{}",)),
        train=_GivenImages([x for x, _ in batches], [y for _, y in batches], name="the given batches"),
    )
    task.train.check_labels(len(prompts), "the given task")
    with temporary_folder("given") as scratch:
        context = _GivenContext(
            initial=pretrained,
            seed=seed,
            task_keys=(task.key,),
            scratch=scratch,
            reference=_reference(reference, reference_texts) if len(reference) else None,
            class_pool=(lambda: tuple(p for _, ps in generated for p in ps)) if generated else None,
        )
        context.generated = generated
        context.begin("0:given")
        method: Method = factory(start, chosen, context)
        method.learn(task)
    return method


def _reference(images: Sequence[Tensor], texts: Sequence[str]) -> Any:
    given = Reference(_GivenImages(images, name="the given reference images"), tuple(texts))
    return lambda: given


class _AsGiven(Preprocessing):
    """Images are model inputs already."""

    def normalise(self, pixels: Tensor) -> Tensor:
        return pixels.to(torch.float32)


class _GivenImages(ImageSet):
    """Model inputs in batches of a fixed order, (batch, 3, size, size) each."""

    def __init__(
        self, images: Sequence[Tensor], labels: Sequence[Tensor] | None = None, *, name: str
    ) -> None:
        if not images or (labels is not None and [len(x) for x in images] != [len(y) for y in labels]):
            raise ConfigError(f"{name} are empty, or have not one label for each image")
        self.name = name
        self._inputs = torch.cat([x.detach().to("cpu", torch.float32) for x in images])
        self._parts = torch.split(torch.arange(len(self._inputs)), [len(x) for x in images])
        self.labels = (
            np.zeros(len(self._inputs), dtype=np.int64)
            if labels is None
            else torch.cat([y.detach().to("cpu", torch.int64) for y in labels]).numpy()
        )
        self.digest = hashlib.sha256(self._inputs.numpy().tobytes()).hexdigest()

    def __len__(self) -> int:
        return len(self._inputs)

    def image(self, index: int) -> PIL.Image.Image:
        raise NotImplementedError(
            f"{self.name} are model inputs, no pictures: image {index} cannot be decoded"
        )

    def pixels(
        self,
        preprocessing: Preprocessing,  # noqa: ARG002
        cache: Path | None = None,  # noqa: ARG002
        progress: Callable[[int, int], None] | None = None,  # noqa: ARG002
    ) -> np.ndarray:
        inputs: np.ndarray = self._inputs.numpy()
        return inputs

    def crops(self, indices: np.ndarray, preprocessing: Preprocessing, generator: Any) -> np.ndarray:  # noqa: ARG002
        views: np.ndarray = self.pixels(preprocessing)[indices]
        return views

    def batches(self, device: torch.device) -> Iterator[Batch]:
        labels = torch.from_numpy(self.labels)
        return cycle(Batch(self._inputs[i].to(device), labels[i].to(device), i) for i in self._parts)


class _GivenContext(Context):
    """A context whose batches are the given ones, whatever size is asked for."""

    generated: Sequence[tuple[Tensor, Sequence[str]]] = ()

    def batches(self, images: ImageSet, size: int, *, name: str, augment: bool = False) -> Iterator[Batch]:
        if isinstance(images, _GivenImages):
            return images.batches(self.device)
        return super().batches(images, size, name=name, augment=augment)

    def generate(
        self,
        prompts: Sequence[str],  # noqa: ARG002
        seeds: Sequence[int],  # noqa: ARG002
        *,
        steps: int | None = None,  # noqa: ARG002
        guidance: float | None = None,  # noqa: ARG002
    ) -> GeneratedImages:
        if not self.generated:
            raise ConfigError("the method asks for generated images, and none are given", fix="generated=…")
        if any(len(images) != len(words) for images, words in self.generated):
            raise ConfigError("the given generated images have not one prompt each")
        sheet = self.scratch / "given.png"
        sheet.touch()
        given = _GivenImages([images for images, _ in self.generated], name="the given generated images")
        return GeneratedImages(given, tuple(p for _, ps in self.generated for p in ps), "given", sheet)
