"""Test on data sets of no task, each within its own classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from clbench.methods.fit import Precision, autocast
from clbench.models import Backbone
from clbench.models.features import CosineScorer
from clbench.runs.answers import remembered
from clbench.runs.evaluation import Answers, Evaluation, Scorer, checked_scores
from clbench.streams import HeldOut, Preprocessing

__all__ = ["accuracy", "evaluate_held_out", "held_out_zero_shot"]


@torch.no_grad()
def evaluate_held_out(
    method: Scorer,
    sets: Sequence[HeldOut],
    preprocessing: Preprocessing,
    *,
    batch: int,
    device: torch.device,
    precision: Precision = "fp32",
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Score the images of ``sets``, each once; no task's identity is told.

    Raises:
        MethodError: scores of a wrong shape.
        NotFiniteError: scores that are not finite.
    """
    found = {}
    done, total = 0, sum(len(held.test) for held in sets)
    for held in sets:
        pixels = held.test.pixels(preprocessing)
        own = np.zeros(len(pixels), dtype=np.int32)
        for start in range(0, len(pixels), batch):
            chunk = torch.from_numpy(np.array(pixels[start : start + batch])).to(device)
            with autocast(precision, device):
                logits = checked_scores(method, preprocessing.normalise(chunk), held.labels, held.key)
            own[start : start + batch] = logits.argmax(dim=1).to("cpu", torch.int32).numpy()
            done += len(chunk)
            if progress is not None:
                progress(done, total)
        none = np.zeros((len(own), 0))  # in no task's classes
        found[held.key] = Answers(own, none.astype(np.int32), none.astype(np.float32))
    return Evaluation(found)


def held_out_zero_shot(
    backbone: Backbone,
    sets: Sequence[HeldOut],
    *,
    folder: Path,
    batch: int,
    device: torch.device,
    precision: Precision = "fp32",
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Answers of the initial model, from ``folder`` where they were computed before."""
    answers: dict[str, Answers] = {}
    for held in sets:
        model = [backbone.weights_digest, backbone.preprocessing.digest, precision]

        def compute(held: HeldOut = held) -> Evaluation:
            return evaluate_held_out(
                CosineScorer(backbone),
                [held],
                backbone.preprocessing,
                batch=batch,
                device=device,
                precision=precision,
                progress=progress,
            )

        answers |= remembered(folder, [held.key, held.digest, *model], compute, "held-out-").answers
    return Evaluation(answers)


def accuracy(held: HeldOut, answers: Answers) -> float:
    """Top-1 accuracy in percent."""
    return 100.0 * int((answers.own == held.test.labels).sum()) / len(held.test)
