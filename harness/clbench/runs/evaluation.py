"""Answers to test images, and what they say in every label space: one forward pass per image is enough."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clbench.config.runconfig import Composition
from clbench.streams import LabelSpaceName, Preprocessing, Stream

if TYPE_CHECKING:
    import torch

    from clbench.methods.fit import Precision
    from clbench.runs.worker.scoring import Scorer

__all__ = ["Answers", "Evaluation", "evaluate"]


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
    """Score the test images in this process, each once; a run does the same across two.

    Args:
        wide, batch, task_given, only, composition, seed: see :class:`clbench.runs.exam.Exam`.
        progress: told (images done, images in all).

    Raises:
        MethodError: scores of a wrong shape.
        NotFiniteError: scores that are not finite.
    """
    from clbench.runs.exam import Exam, Slots
    from clbench.runs.worker.scoring import Paper

    exam = Exam.of_stream(
        stream,
        preprocessing,
        wide=wide,
        batch=batch,
        task_given=task_given,
        only=only,
        composition=composition,
        seed=seed,
    )
    done = 0
    with Slots(exam.shape, count=1) as slots:
        order = exam.opening(slots, initial=False)
        with Paper(method, order, preprocessing, device, precision) as paper:
            for number in range(len(exam)):
                each = exam.fill(number, slots, 0)
                paper.answer(each, lambda: None)
                done += each.images
                if progress is not None:
                    progress(done, exam.images)
            best, logit = paper.hand_in()
    return exam.mark(best, logit)
