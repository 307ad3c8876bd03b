"""A run's folder between two tasks: what was learned, which rows are tested. Every write is atomic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from clbench.errors import RecordError
from clbench.results.atomic import atomic_path
from clbench.runs.answers import load_answers, save_answers
from clbench.runs.evaluation import Evaluation

__all__ = ["Checkpoint", "CheckpointStore", "count_elements"]


@dataclass
class Checkpoint:
    """The state after ``learned`` tasks.

    Attributes:
        key: the run's configuration key; a checkpoint of another configuration is refused.
        learned: number of tasks learned.
        state: the method's ``state_dict()``.
        learn_seconds, trainable_parameters, stored_parameters: one entry per learned task.
        generated_images: images asked for so far.
        peak_memory: bytes.
    """

    key: str
    learned: int = 0
    state: dict[str, Any] = field(default_factory=dict)
    learn_seconds: list[float] = field(default_factory=list)
    trainable_parameters: list[int] = field(default_factory=list)
    stored_parameters: list[int] = field(default_factory=list)
    generated_images: int = 0
    peak_memory: int = 0


class CheckpointStore:
    """``checkpoint.pt`` and ``rows/NNN.npz`` in a run's folder."""

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = folder
        self._key = key
        self._checkpoint = folder / "checkpoint.pt"

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint."""
        with atomic_path(self._checkpoint) as temporary:
            # Not asdict(): it would copy every tensor.
            torch.save(
                {name: getattr(checkpoint, name) for name in checkpoint.__dataclass_fields__}, temporary
            )

    def load(self) -> Checkpoint:
        """The checkpoint, or an empty one.

        Raises:
            RecordError: the file is damaged or belongs to another configuration.
        """
        if not self._checkpoint.exists():
            return Checkpoint(self._key)
        try:
            # weights_only: tensors and plain values, no code is run.
            checkpoint = Checkpoint(**torch.load(self._checkpoint, map_location="cpu", weights_only=True))
        except Exception as error:  # a torn file can break the unpickler in any way
            raise RecordError(
                f"{self._checkpoint} cannot be read",
                why=str(error),
                fix=f"delete {self.folder} and run again",
            ) from error
        if checkpoint.key != self._key:
            raise RecordError(
                f"{self._checkpoint} belongs to another configuration",
                why=f"its key is {checkpoint.key}, this run's is {self._key}",
                fix="use another --out",
            )
        return checkpoint

    def save_row(self, index: int, evaluation: Evaluation, seconds: float) -> None:
        """Write the answers of row ``index`` and the seconds their test took."""
        save_answers(self._row_path(index), evaluation, seconds)

    def load_row(self, index: int) -> tuple[Evaluation, float] | None:
        """Answers of row ``index`` and the seconds their test took, or ``None``."""
        path = self._row_path(index)
        return load_answers(path) if path.exists() else None

    def _row_path(self, index: int) -> Path:
        return self.folder / "rows" / f"{index:03d}.npz"


def count_elements(state: Any) -> int:
    """Number of tensor elements in a nested state: what a method has to store."""
    if isinstance(state, torch.Tensor):
        return state.numel()
    if isinstance(state, Mapping):
        return sum(count_elements(value) for value in state.values())
    if isinstance(state, list | tuple):
        return sum(count_elements(value) for value in state)
    return 0
