"""Answers on disk: compressed, written atomically, checked when they are read back."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from clbench.locking import locked
from clbench.results.checked import DamagedError, Identity, digest_of, read_checked, write_checked
from clbench.results.predictions import DAMAGE
from clbench.runs.evaluation import Answers, Evaluation

__all__ = ["load_answers", "remembered", "save_answers"]

log = logging.getLogger(__name__)


def save_answers(path: Path, evaluation: Evaluation, identity: Identity, seconds: float = 0.0) -> None:
    """Write the answers on every task and the seconds that the test took."""
    arrays: dict[str, Any] = {"seconds": np.float64(seconds)}
    for key, answers in evaluation.answers.items():
        arrays |= {f"own|{key}": answers.own, f"best|{key}": answers.best, f"logit|{key}": answers.logit}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write_checked(path, buffer.getvalue(), identity)


def load_answers(path: Path, identity: Identity, *, fix: str = "") -> tuple[Evaluation, float]:
    """Read what :func:`save_answers` wrote.

    Raises:
        DamagedError: the file is damaged, or it is not the one that ``identity`` says.
    """
    content = read_checked(path, identity, fix=fix)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            keys = [name.removeprefix("own|") for name in stored.files if name.startswith("own|")]
            answers = {
                key: Answers(stored[f"own|{key}"], stored[f"best|{key}"], stored[f"logit|{key}"])
                for key in keys
            }
            return Evaluation(answers), float(stored["seconds"])
    except DAMAGE as error:  # whole, and yet not of this form: of another version
        raise DamagedError(
            f"{path} cannot be read", why=str(error), fix=fix or f"delete {path} and run again"
        ) from error


def remembered(
    folder: Path, identity: object, compute: Callable[[], Evaluation], prefix: str = ""
) -> Evaluation:
    """Return the answers that ``folder`` has of ``identity``, else compute and keep them; one process does.

    A file that is damaged, or is another than its name says, is computed again with a warning.

    Args:
        folder: made if it is not there.
        identity: of all that the answers depend on, as JSON can write it.
        compute: makes them.
        prefix: of the file's name.
    """
    digest = digest_of(identity)
    path = folder / f"{prefix}{digest[:24]}.npz"
    whole = Identity(f"{prefix}zero-shot row", {"digest": digest})
    with locked(path.with_name(f"{path.name}.lock")):
        if path.exists():
            try:
                return load_answers(path, whole)[0]
            except DamagedError as error:
                log.warning("%s: %s; these answers are computed again", path, error.why)
        save_answers(path, compute(), whole)
        return load_answers(path, whole)[0]
