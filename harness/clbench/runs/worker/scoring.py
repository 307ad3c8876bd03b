"""Answer a test: batches of pixels in, the best column of each group out. No label and no task is known."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from clbench.errors import MethodError, NotFiniteError
from clbench.methods.fit import Precision, autocast
from clbench.runs.messages import Batch, Examination
from clbench.streams import LabelSpace, Preprocessing

__all__ = ["Paper", "Scorer", "checked_scores"]


class Scorer(Protocol):
    """The part of :class:`clbench.Method` that a test needs."""

    def score(self, images: Tensor, labels: LabelSpace) -> Tensor: ...


class Paper:
    """The answers to one :class:`clbench.runs.messages.Examination`, batch after batch.

    Args:
        scorer: what is tested.
        examination: label spaces, and where pixels are.
    """

    def __init__(
        self,
        scorer: Scorer,
        examination: Examination,
        preprocessing: Preprocessing,
        device: torch.device,
        precision: Precision,
    ) -> None:
        self._scorer = scorer
        self._examination = examination
        self._preprocessing = preprocessing
        self._device = device
        self._precision: Precision = precision
        self._best: list[Tensor] = []
        self._logit: list[Tensor] = []
        size = int(np.prod(examination.shape))
        with Path(examination.slots).open("rb") as file:
            self._map = mmap.mmap(file.fileno(), examination.count * size, access=mmap.ACCESS_READ)
        self._slots = np.frombuffer(self._map, dtype=np.uint8).reshape(examination.count, *examination.shape)
        self._columns = {
            name: [columns(each) for each in groups] for name, groups in examination.groups.items()
        }
        self.batches = 0

    def __enter__(self) -> Paper:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: TracebackType | BaseException | None) -> None:
        del self._slots
        if kind is None:
            with suppress(BufferError):  # somebody looks into it still
                self._map.close()

    @torch.no_grad()
    def answer(self, batch: Batch, taken: Callable[[], None]) -> None:
        """Score a batch.

        Args:
            taken: called when the pixels have been read.

        Raises:
            MethodError: scores of a wrong shape or kind.
            NotFiniteError: scores that are not finite.
        """
        pixels = torch.from_numpy(np.array(self._slots[batch.slot, : batch.images])).to(self._device)
        taken()
        with autocast(self._precision, self._device):
            images = self._preprocessing.normalise(pixels)
            for ask in batch.asks:
                part = images
                if ask.rows is not None:
                    part = images[torch.from_numpy(ask.rows).to(images.device)]
                logits = checked_scores(self._scorer, part, self._examination.spaces[ask.space])
                found = [logits[:, each].max(dim=1) for each in self._columns[ask.space]]
                self._logit.append(torch.stack([values for values, _ in found], dim=1).float().flatten())
                self._best.append(torch.stack([chosen for _, chosen in found], dim=1).flatten())
        self.batches += 1

    def hand_in(self) -> tuple[np.ndarray, np.ndarray]:
        """All answers: int32 best columns and their float32 logits, both flat."""
        none = torch.zeros(0)
        best = torch.cat(self._best or [none]).to("cpu", torch.int32)
        return best.numpy(), torch.cat(self._logit or [none]).cpu().numpy()


def columns(chosen: np.ndarray) -> slice | list[int]:
    """The same columns as a slice, where they are side by side: that copies nothing."""
    first, last = int(chosen[0]), int(chosen[-1])
    adjacent = np.array_equal(chosen, np.arange(first, last + 1))
    return slice(first, last + 1) if adjacent else chosen.tolist()


def checked_scores(method: Scorer, images: Tensor, labels: LabelSpace) -> Tensor:
    """Logits of test images, (images, classes).

    Raises:
        MethodError: they are no tensor of numbers, or have another shape.
        NotFiniteError: they are not finite.
    """
    logits = method.score(images, labels)
    if not isinstance(logits, Tensor) or not logits.is_floating_point():
        found = f"a tensor of {logits.dtype}" if isinstance(logits, Tensor) else f"a {type(logits).__name__}"
        raise MethodError(
            f"score() gave {found}",
            why="a tensor of floating-point logits is due, one row per image and one column per class",
        )
    if tuple(logits.shape) != (len(images), len(labels)):
        raise MethodError(
            f"score() gave shape {tuple(logits.shape)} for {len(images)} images and {len(labels)} classes",
            why="one row per image and one column per class of `labels` are due",
        )
    if logits.is_meta or logits.layout != torch.strided:
        raise MethodError(
            f"score() gave a tensor {'on the meta device' if logits.is_meta else 'that is sparse'}",
            why="a tensor with a value for each image and class is due",
        )
    if not bool(torch.isfinite(logits.float()).all()):  # answers are kept as float32
        raise NotFiniteError(
            "score() returned NaN or infinite logits on test images",
            why="the learned weights are broken: the optimisation diverged",
            fix="lower the learning rate of the method (--set METHOD.lr=…)",
        )
    return logits
