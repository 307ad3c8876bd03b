"""A run's folder between two tasks: what was learned, which rows are tested. Every write is atomic.

Every file is checked when it is read back; see :mod:`clbench.results.checked`. The checkpoint before the
newest one is kept beside it until the run has ended and the newest has been read back, so that one damaged
file costs at most one task: it is learned again, and the run ends as it would have.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from clbench.errors import RecordError
from clbench.results.checked import DamagedError, Identity, check_file, read_checked, writing
from clbench.runs.evaluation import Evaluation
from clbench.runs.rows import RowStore

__all__ = ["Checkpoint", "CheckpointStore", "count_elements"]

log = logging.getLogger(__name__)


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
    """``checkpoint.pt`` and the one before it in a run's folder; :attr:`rows` has the rows.

    A run begins with :meth:`resume`, saves with :meth:`save`, and ends with :meth:`settle`.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = folder
        self._key = key
        self._newest = folder / "checkpoint.pt"
        self._previous = folder / "checkpoint.previous.pt"
        self._identity = Identity("checkpoint", {"run": key})
        self._anew = f"delete {folder} and run again"
        self.rows = RowStore(folder, key)

    def save(self, checkpoint: Checkpoint) -> None:
        """Make ``checkpoint`` the newest; the newest until now becomes the previous one, if it is whole."""
        if self._newest.exists():
            try:
                check_file(self._newest, self._identity)
            except DamagedError as error:
                log.warning("%s: %s; the checkpoint that follows replaces it", self._newest, error.why)
            else:
                self._keep_newest()
        with writing(self._newest, self._identity) as file:
            # Not asdict(): it would copy every tensor.
            torch.save({name: getattr(checkpoint, name) for name in checkpoint.__dataclass_fields__}, file)

    def load(self) -> Checkpoint:
        """The newest checkpoint, or an empty one where there is none.

        Raises:
            DamagedError: it is damaged, or belongs to another run.
        """
        return self._read(self._newest) if self._newest.exists() else Checkpoint(self._key)

    def resume(self) -> tuple[Checkpoint, list[tuple[Evaluation, float]]]:
        """Where to go on: a checkpoint, and the rows that need not be tested again.

        The rows are those from the first on, without a gap, of tasks that the checkpoint has learned: all,
        or all but the last, which the checkpoint's state can be tested for. Where the newest checkpoint or
        a row that it cannot be tested for is damaged, the checkpoint is the one before: a warning names
        the file, and the task after it is learned again.

        Raises:
            DamagedError: what is damaged cannot be made again from what is there.
        """
        rows, problem = self.rows.whole()
        for checkpoint in self._states(len(rows)):
            if len(rows) >= checkpoint.learned - 1:
                if problem is not None and len(rows) <= checkpoint.learned:
                    log.warning("%s: %s; it is made again", problem.what, problem.why)
                self.rows.drop(checkpoint.learned)
                return checkpoint, rows[: checkpoint.learned]
        raise problem or RecordError(
            f"{self.rows.path(len(rows))} is missing",
            why="it was deleted, and the model's state of that time is not kept",
            fix=self._anew,
        )

    def settle(self) -> None:
        """At a run's end: read the newest checkpoint back, and drop the one before it if it is whole."""
        if not self._newest.exists():
            return
        try:
            check_file(self._newest, self._identity)
        except DamagedError as error:
            log.warning("%s: %s; the one before it is kept", self._newest, error.why)
            return
        self._previous.unlink(missing_ok=True)

    def _states(self, rows: int) -> Iterator[Checkpoint]:
        """What can be gone on from, the newest first; ``rows`` are whole.

        Raises:
            DamagedError: nothing is left, and the newest checkpoint is damaged.
        """
        if not self._newest.exists() and not self._previous.exists():
            yield Checkpoint(self._key)
            return
        problem: DamagedError | None = None
        try:
            newest = self.load() if self._newest.exists() else None
        except DamagedError as error:
            problem, newest = error, None
        if newest is not None:
            yield newest
        try:
            # Before the second task's there is one checkpoint only: what came before it is the beginning.
            first = rows <= 1 and not self._previous.exists() and problem is not None
            if self._previous.exists() or first:
                before = Checkpoint(self._key) if first else self._read(self._previous)
                if problem is not None:
                    log.warning("%s: %s; the task after it is learned again", self._newest, problem.why)
                yield before
        except DamagedError as error:
            problem = problem or error
        if problem is not None:
            raise problem

    def _keep_newest(self) -> None:
        """Give the newest checkpoint the previous one's name as well: there is never a moment without it."""
        temporary = self._previous.with_name(f".{self._previous.name}.tmp")
        temporary.unlink(missing_ok=True)
        try:
            temporary.hardlink_to(self._newest)
        except OSError:  # not every file system has links
            self._newest.replace(self._previous)
        else:
            temporary.replace(self._previous)
            temporary.unlink(missing_ok=True)  # two names of one file: renaming the one to the other does nothing

    def _read(self, path: Path) -> Checkpoint:
        content = read_checked(path, self._identity, fix=self._anew)
        try:
            # weights_only: tensors and plain values, no code is run.
            stored = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
            return Checkpoint(**stored)
        except Exception as error:  # whole, and yet not of this form: of another version
            raise DamagedError(f"{path} cannot be read", why=str(error), fix=self._anew) from error


def count_elements(state: Any) -> int:
    """Number of tensor elements in a nested state: what a method has to store."""
    if isinstance(state, torch.Tensor):
        return state.numel()
    if isinstance(state, Mapping):
        return sum(count_elements(value) for value in state.values())
    if isinstance(state, list | tuple):
        return sum(count_elements(value) for value in state)
    return 0
