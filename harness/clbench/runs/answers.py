"""Answers on disk: compressed, written atomically."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from clbench.errors import RecordError
from clbench.results.atomic import atomic_write
from clbench.runs.evaluation import Answers, Evaluation

__all__ = ["load_answers", "save_answers"]


def save_answers(path: Path, evaluation: Evaluation, seconds: float = 0.0) -> None:
    """Write the answers on every task and the seconds that the test took."""
    arrays: dict[str, Any] = {"seconds": np.float64(seconds)}
    for key, answers in evaluation.answers.items():
        arrays |= {f"own|{key}": answers.own, f"best|{key}": answers.best, f"logit|{key}": answers.logit}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    atomic_write(path, buffer.getvalue())


def load_answers(path: Path) -> tuple[Evaluation, float]:
    """Read what :func:`save_answers` wrote.

    Raises:
        RecordError: the file is damaged.
    """
    try:
        with np.load(path) as stored:
            keys = [name.removeprefix("own|") for name in stored.files if name.startswith("own|")]
            answers = {
                key: Answers(stored[f"own|{key}"], stored[f"best|{key}"], stored[f"logit|{key}"])
                for key in keys
            }
            return Evaluation(answers), float(stored["seconds"])
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise RecordError(
            f"{path} cannot be read", why=str(error), fix=f"delete {path} and run again"
        ) from error
