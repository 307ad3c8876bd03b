"""Test a method on every task of a stream: one forward pass per image answers every label space."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from clbench.errors import MethodError, NotFiniteError
from clbench.methods.fit import Precision, autocast
from clbench.streams import LabelSpace, LabelSpaceName, Preprocessing, Stream

__all__ = ["Answers", "Evaluation", "Scorer", "evaluate"]


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
        """Predicted columns of the stream's union, int32 (n,), by task key.

        ``seen`` holds the classes of the first ``learned`` tasks; a task not yet learned is answered
        within its own classes there, as in the ODCL-CIL protocol.
        """
        offsets = np.asarray(stream.offsets)
        result: dict[str, np.ndarray] = {}
        for j, key in enumerate(stream.keys):
            answers = self.answers[key]
            if space == "task" or (space == "seen" and j >= learned):
                columns = answers.own + offsets[j]
            else:
                task, chosen = answers.among(len(stream) if space == "union" else learned)
                columns = chosen + offsets[task]
            result[key] = columns.astype(np.int32)
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
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Score test images, one task after another (the field's ``natural`` batches).

    Columns are independent by contract, so the union's are computed once and sliced.

    Args:
        wide: score the classes of all tasks; otherwise only each task's own.
        batch: images per batch; the last one of a task may be smaller.
        task_given: hand the task's index to the method, with its own label space and only with that.
        only: indices of the tasks to test; all by default.
        progress: told (images done, images in all).

    Raises:
        MethodError: scores of a wrong shape.
        NotFiniteError: scores that are not finite.
    """
    indices = range(len(stream)) if only is None else only
    total = sum(len(stream.tasks[j].test) for j in indices)
    done = 0
    answers: dict[str, Answers] = {}
    for j in indices:
        task = stream.tasks[j]
        pixels = task.test.pixels(preprocessing)
        parts: list[Answers] = []
        for start in range(0, len(pixels), batch):
            chunk = torch.from_numpy(pixels[start : start + batch].copy()).to(device)
            with autocast(precision, device):
                parts.append(_answer(method, preprocessing.normalise(chunk), stream, j, wide, task_given))
            done += len(chunk)
            if progress is not None:
                progress(done, total)
        answers[task.key] = Answers(
            np.concatenate([p.own for p in parts]),
            np.concatenate([p.best for p in parts]),
            np.concatenate([p.logit for p in parts]),
        )
    return Evaluation(answers)


def _answer(method: Scorer, images: Tensor, stream: Stream, j: int, wide: bool, task_given: bool) -> Answers:
    """Answers to one batch of images of task ``j``."""
    key = stream.keys[j]
    count = len(stream)
    best = np.zeros((len(images), count), dtype=np.int32)
    logit = np.full((len(images), count), -np.inf, dtype=np.float32)
    own = stream.tasks[j].labels
    if wide:
        logits = _checked(method, images, stream.union, key)
        for i in range(count):
            values, chosen = logits[:, stream.offsets[i] : stream.offsets[i + 1]].max(dim=1)
            best[:, i] = chosen.cpu().numpy()
            logit[:, i] = values.float().cpu().numpy()
    if wide and not task_given:
        answer = best[:, j]
    else:
        # A method that is told the task's identity is told it for this label space only.
        labels = LabelSpace(own.classes, own.templates, j if task_given else None)
        values, chosen = _checked(method, images, labels, key).max(dim=1)
        answer = chosen.to("cpu", torch.int32).numpy()
        if not wide:
            best[:, j], logit[:, j] = answer, values.float().cpu().numpy()
    return Answers(answer.copy(), best, logit)


def _checked(method: Scorer, images: Tensor, labels: LabelSpace, key: str) -> Tensor:
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
