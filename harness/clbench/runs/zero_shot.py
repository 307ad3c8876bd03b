"""The zero-shot row: the initial model tested once per backbone, stream and protocol, shared by all runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from clbench.methods.fit import Precision
from clbench.models import Backbone
from clbench.models.features import CosineScorer
from clbench.runs.answers import remembered
from clbench.runs.evaluation import Answers, Evaluation, evaluate
from clbench.streams import Stream

__all__ = ["zero_shot"]


def zero_shot(
    backbone: Backbone,
    stream: Stream,
    *,
    folder: Path,
    batch: int,
    device: torch.device,
    precision: Precision = "fp32",
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Answers of the initial model on every task, from ``folder`` where they were computed before.

    The file is keyed by data, prompts, weights and input transform, not by the order of the tasks.
    """
    canonical = stream.ordered("canonical", sorted(stream.keys))
    identity = [stream.digests, backbone.weights_digest, backbone.preprocessing.digest, precision]

    def compute() -> Evaluation:
        return evaluate(
            CosineScorer(backbone),
            canonical,
            backbone.preprocessing,
            wide=True,
            batch=batch,
            device=device,
            precision=precision,
            progress=progress,
        )

    evaluation = remembered(folder, identity, compute)
    columns = [canonical.keys.index(key) for key in stream.keys]
    return Evaluation(
        {k: Answers(a.own, a.best[:, columns], a.logit[:, columns]) for k, a in evaluation.answers.items()}
    )
