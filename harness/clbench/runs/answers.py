"""Answers on disk: compressed, written atomically."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from clbench.errors import RecordError
from clbench.locking import locked
from clbench.results.atomic import atomic_write
from clbench.runs.evaluation import Answers, Evaluation

__all__ = ["load_answers", "remembered", "save_answers"]


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


def remembered(
    folder: Path, identity: object, compute: Callable[[], Evaluation], prefix: str = ""
) -> Evaluation:
    """Return the answers that ``folder`` has of ``identity``, else compute and keep them; one process does.

    Args:
        folder: made if it is not there.
        identity: of all that the answers depend on, as JSON can write it.
        compute: makes them.
        prefix: of the file's name.

    Raises:
        RecordError: the file is damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:24]
    path = folder / f"{prefix}{name}.npz"
    with locked(path.with_name(f"{path.name}.lock")):
        if not path.exists():
            save_answers(path, compute())
    return load_answers(path)[0]
