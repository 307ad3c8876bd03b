"""Test a method on every task of a stream: one forward pass per image answers every label space."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from clbench.config.runconfig import Composition
from clbench.errors import MethodError, NotFiniteError
from clbench.methods.fit import Precision, autocast
from clbench.runs.composition import TestBatch, compose
from clbench.streams import LabelSpace, LabelSpaceName, Preprocessing, Stream

__all__ = ["Answers", "Evaluation", "Scorer", "checked_scores", "evaluate"]


class Scorer(Protocol):
    """The part of :class:`clbench.Method` that a test needs."""

    def score(self, images: Tensor, labels: LabelSpace) -> Tensor: ...


@dataclass(frozen=True)
class Answers:
    """A model's answers on one task's test images, n of them, in a stream of T tasks.

    Each image's best class *within each task* and that class's logit decide every label space: a
    space that joins several tasks is won by the best of their winners.

    Attributes:
        own: int32 (n,): answer within the task's own classes.
        best: int32 (n, T): best class within each task, an index into that task's classes.
        logit: float32 (n, T): the logit of ``best``; -inf where a task's classes were not scored.
    """

    own: np.ndarray
    best: np.ndarray
    logit: np.ndarray

    def among(self, tasks: int) -> tuple[np.ndarray, np.ndarray]:
        """(task, class) answered among the classes of the first ``tasks`` tasks, two int arrays (n,)."""
        winner = self.logit[:, :tasks].argmax(axis=1)
        return winner, self.best[np.arange(len(winner)), winner]


@dataclass(frozen=True)
class Evaluation:
    """Answers on the test images of each task, by task key."""

    answers: Mapping[str, Answers]

    def predictions(self, stream: Stream, space: LabelSpaceName, learned: int) -> dict[str, np.ndarray]:
        """Predicted classes by task key, int32 (n,), numbered as in :attr:`Stream.offsets`.

        ``seen`` holds the classes of the first ``learned`` tasks; a task not yet learned is answered
        within its own classes there, as in the ODCL-CIL protocol.
        """
        offsets = np.asarray(stream.offsets)
        result: dict[str, np.ndarray] = {}
        for j, key in enumerate(stream.keys):
            answers = self.answers[key]
            if space == "task" or (space == "seen" and j >= learned):
                classes = answers.own + offsets[j]
            else:
                task, chosen = answers.among(len(stream) if space == "union" else learned)
                classes = stream.as_seen_from(j, chosen + offsets[task])
            result[key] = classes.astype(np.int32)
        return result

    def row(self, stream: Stream, space: LabelSpaceName, learned: int) -> tuple[float, ...]:
        """Top-1 accuracy in percent on each task: the share of its test images named rightly."""
        predictions = self.predictions(stream, space, learned)
        return tuple(
            100.0
            * int((predictions[task.key] == task.test.labels + stream.offsets[j]).sum())
            / len(task.test)
            for j, task in enumerate(stream.tasks)
        )


@torch.no_grad()
def evaluate(
    method: Scorer,
    stream: Stream,
    preprocessing: Preprocessing,
    *,
    wide: bool,
    batch: int,
    device: torch.device,
    precision: Precision = "fp32",
    task_given: bool = False,
    only: Sequence[int] | None = None,
    composition: Composition = "natural",
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Score the test images, each once.

    Columns are independent by contract, so the union's are computed once and sliced.

    Args:
        wide: score the classes of all tasks; otherwise only each task's own. ``mixed`` batches are always
            scored so: their images are of different tasks.
        batch: images per batch; the last one may be smaller.
        task_given: hand the task's index to the method, with its own label space and only with that; in
            ``mixed`` batches for each task's images apart.
        only: indices of the tasks to test; all by default.
        composition, seed: which images share a batch; see :func:`clbench.runs.composition.compose`.
        progress: told (images done, images in all).

    Raises:
        MethodError: scores of a wrong shape.
        NotFiniteError: scores that are not finite.
    """
    pixels = {
        j: stream.tasks[j].test.pixels(preprocessing) for j in (range(len(stream)) if only is None else only)
    }
    counts = {j: len(images) for j, images in pixels.items()}
    answers = {j: _unanswered(count, len(stream)) for j, count in counts.items()}
    done, total = 0, sum(counts.values())
    for each in compose(counts, batch, composition, seed):
        chunk = torch.from_numpy(_gathered(pixels, each)).to(device)
        with autocast(precision, device):
            images = preprocessing.normalise(chunk)
            found = _answer(method, images, stream, each, wide or composition == "mixed", task_given)
        for j, rows in each.parts:
            at = each.images[rows]
            answers[j].own[at] = found.own[rows]
            answers[j].best[at] = found.best[rows]
            answers[j].logit[at] = found.logit[rows]
        done += len(each)
        if progress is not None:
            progress(done, total)
    return Evaluation({stream.keys[j]: given for j, given in answers.items()})


def _unanswered(images: int, tasks: int) -> Answers:
    """Room for the answers to ``images`` images."""
    return Answers(
        np.zeros(images, dtype=np.int32),
        np.zeros((images, tasks), dtype=np.int32),
        np.full((images, tasks), -np.inf, dtype=np.float32),
    )


def _gathered(pixels: Mapping[int, np.ndarray], batch: TestBatch) -> np.ndarray:
    """The pixels of a batch, uint8 (n, 3, size, size)."""
    parts = batch.parts
    if len(parts) == 1:
        return np.asarray(pixels[parts[0][0]][batch.images])
    first = pixels[parts[0][0]]
    out = np.empty((len(batch), *first.shape[1:]), dtype=first.dtype)
    for j, rows in parts:
        out[rows] = pixels[j][batch.images[rows]]
    return out


def _answer(
    method: Scorer, images: Tensor, stream: Stream, batch: TestBatch, wide: bool, task_given: bool
) -> Answers:
    """Answers to one batch of images."""
    answers = _unanswered(len(batch), len(stream))
    parts = batch.parts
    if wide:
        logits = checked_scores(method, images, stream.union, ", ".join(stream.keys[j] for j, _ in parts))
        for i, columns in enumerate(stream.columns):
            values, chosen = logits[:, _places(columns)].max(dim=1)
            answers.best[:, i] = chosen.cpu().numpy()
            answers.logit[:, i] = values.float().cpu().numpy()
    for j, rows in parts:
        if wide and not task_given:
            answers.own[rows] = answers.best[rows, j]
            continue
        # A method that is told the task's identity is told it for this label space only.
        labels = stream.labels(j, told=task_given)
        part = images if len(rows) == len(batch) else images[torch.from_numpy(rows).to(images.device)]
        values, chosen = checked_scores(method, part, labels, stream.keys[j]).max(dim=1)
        answers.own[rows] = chosen.to("cpu", torch.int32).numpy()
        if not wide:
            answers.best[rows, j] = answers.own[rows]
            answers.logit[rows, j] = values.float().cpu().numpy()
    return answers


def _places(columns: np.ndarray) -> slice | list[int]:
    """The same columns as a slice, where they are side by side: that copies nothing."""
    first, last = int(columns[0]), int(columns[-1])
    adjacent = np.array_equal(columns, np.arange(first, last + 1))
    return slice(first, last + 1) if adjacent else columns.tolist()


def checked_scores(method: Scorer, images: Tensor, labels: LabelSpace, key: str) -> Tensor:
    """Logits of test images of task ``key``, (images, classes).

    Raises:
        MethodError: they have another shape.
        NotFiniteError: they are not finite.
    """
    logits = method.score(images, labels)
    if tuple(logits.shape) != (len(images), len(labels)):
        raise MethodError(
            f"score() gave shape {tuple(logits.shape)} for {len(images)} images and {len(labels)} classes",
            why="one row per image and one column per class of `labels` are due",
        )
    if not bool(torch.isfinite(logits).all()):
        raise NotFiniteError(
            f"score() returned NaN or infinite logits on test images of task {key}",
            why="the learned weights are broken: the optimisation diverged",
            fix="lower the learning rate of the method (--set METHOD.lr=…)",
        )
    return logits
