"""What the runs in a folder are at: done, worked on, failed, or left by a process that died."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from clbench.errors import ClbenchError, RecordError
from clbench.results.presence import PRESENCE_FILE, Presence, read_presence
from clbench.results.records import Record
from clbench.results.store import RECORD_FILE, read_record

__all__ = ["STATES", "RunState", "State", "states_of"]

State = Literal["running", "stale", "failed", "stopped", "unreadable", "finished"]
STATES: tuple[State, ...] = ("running", "stale", "failed", "stopped", "unreadable", "finished")


@dataclass(frozen=True)
class RunState:
    """One run's folder.

    Attributes:
        folder: where it is.
        state: ``running``: a process works on it; ``stale``: one did, and is dead; ``stopped``: it was ended
            before the last task, and nobody works on it; ``failed``, ``finished``; ``unreadable``: its files
            say nothing.
        method, stream, order, backbone, seed: which run it is; empty and ``None`` where that cannot be read.
        rows, tasks: how many tasks were learned and tested, and how many there are.
        presence: which process says that it works on it.
        why: of what failed or cannot be read.
    """

    folder: Path
    state: State
    method: str = ""
    stream: str = ""
    order: str = ""
    backbone: str = ""
    seed: int | None = None
    rows: int = 0
    tasks: int = 0
    presence: Presence | None = None
    why: str = ""

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON-serialisable values."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        presence = self.presence.as_json() if self.presence is not None else None
        return {**values, "folder": str(self.folder), "presence": presence}


def states_of(paths: Sequence[Path], *, at: datetime | None = None) -> list[RunState]:
    """Return the state of each run under ``paths``, sorted by folder.

    Args:
        paths: folders of runs, or folders of such.
        at: the moment to ask for, aware; default: now.

    Raises:
        RecordError: a path does not exist.
    """
    for path in paths:
        if not path.exists():
            fix = "name the folder that `clbench run --out` wrote to"
            raise RecordError(f"there is nothing at {path}", fix=fix)
    folders = {folder for path in paths for folder in _folders(path)}
    return [_state(folder, at) for folder in sorted(folders)]


def _folders(path: Path) -> Iterator[Path]:
    for name in (RECORD_FILE, PRESENCE_FILE):
        if path.is_file():
            yield path.parent
            return
        for file in path.rglob(name):
            if not any(part.startswith(".") for part in file.relative_to(path).parts):
                yield file.parent


def _state(folder: Path, at: datetime | None) -> RunState:
    problems = []
    presence: Presence | None = None
    record: Record | None = None
    try:
        presence = read_presence(folder)
    except ClbenchError as error:
        problems.append(error.line)
    try:
        record = read_record(folder / RECORD_FILE) if (folder / RECORD_FILE).exists() else None
    except ClbenchError as error:
        problems.append(error.line)
    why = "; ".join(problems)
    if record is None and presence is None:
        return RunState(folder, "unreadable", why=why)
    state: State
    if presence is not None and record is not None and record.status == "finished" and presence.stale(at):
        state = "finished"  # its process died between its last word and its end
    elif presence is not None:
        state = "stale" if presence.stale(at) else "running"
    elif record is not None and record.status == "running":
        state = "stopped"
    else:
        state = "failed" if record is not None and record.status == "failed" else "finished"
    if state == "failed" and record is not None and record.failure is not None:
        why = "; ".join([*problems, record.failure.line])
    which = _of_record(record) if record is not None else _of_presence(presence)
    return RunState(folder, state, presence=presence, why=why, **which)


def _of_record(record: Record) -> dict[str, Any]:
    return {
        "method": record.method.name,
        "stream": record.stream.name,
        "order": record.stream.order,
        "backbone": record.backbone.name,
        "seed": record.seed,
        "rows": record.rows,
        "tasks": len(record.stream.tasks),
    }


def _of_presence(presence: Presence | None) -> dict[str, Any]:
    if presence is None:
        return {}
    names = ("method", "stream", "order", "backbone", "seed", "tasks")
    # A run without a record has no row yet.
    return {name: getattr(presence, name) for name in names}
