"""Which process works on a run, and where it is: ``running.json`` in the run's folder while it is worked on.

The process that works writes it, replaced at once and at most once a second, and removes it at the end. A
reader believes it only as long as the process that it names lives: one that was killed leaves the file there.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from clbench.errors import RecordError
from clbench.locking import process_lives
from clbench.printing import as_json
from clbench.results.atomic import atomic_write

__all__ = [
    "PRESENCE_FILE",
    "SILENCE",
    "Presence",
    "host",
    "read_presence",
    "remove_presence",
    "remove_stale_presence",
    "write_presence",
]

PRESENCE_FILE = "running.json"
SILENCE = timedelta(minutes=10)
"""Whose process runs on another machine and was not seen for so long is taken for dead."""
_LARGEST = 64 << 10


def host() -> str:
    """The name of this machine."""
    return platform.node() or "unknown"


@dataclass(frozen=True, kw_only=True)
class Presence:
    """Where a run is.

    Attributes:
        pid: of the process that holds the run.
        host: the machine on which it runs.
        started: when it began with this run, aware.
        seen: when it wrote this, aware.
        worker: pid of the process that learns, if it is another.
        method, stream, order, backbone, seed: which run it is.
        task: key of the task at hand, if there is one; ``index`` is its 0-based number among ``tasks``.
        phase: a phase of :class:`clbench.events.Progress`: prepare, learn, evaluate, …
        done, total: steps of that phase.
    """

    pid: int
    host: str
    started: datetime
    seen: datetime
    worker: int | None = None
    method: str
    stream: str
    order: str
    backbone: str
    seed: int
    task: str | None = None
    index: int = 0
    tasks: int = 0
    phase: str = ""
    done: int = 0
    total: int = 0

    def now(self, **changes: Any) -> Presence:
        """A copy with ``changes``, seen at this moment."""
        return replace(self, seen=datetime.now(UTC), **changes)

    def stale(self, at: datetime | None = None) -> bool:
        """Whether the process that it names is dead, as far as can be told from here.

        On this machine its process is looked for; of another machine's it is only known when it was seen.

        Args:
            at: the moment to ask for, aware; default: now.
        """
        if self.host == host():
            return not process_lives(self.pid)
        return (at or datetime.now(UTC)) - self.seen > SILENCE

    def as_json(self) -> dict[str, Any]:
        """As JSON-serialisable values."""
        return asdict(self) | {"started": self.started.isoformat(), "seen": self.seen.isoformat()}


def write_presence(folder: Path, presence: Presence) -> None:
    """Say in the run's ``folder`` where it is; what was said before is replaced at once.

    Raises:
        OSError: the folder cannot be written.
    """
    atomic_write(folder / PRESENCE_FILE, as_json(presence.as_json()).encode())


def remove_presence(folder: Path) -> None:
    """Nobody works on the run in ``folder`` any more; nothing happens where nobody did."""
    with suppress(OSError):
        (folder / PRESENCE_FILE).unlink()


def remove_stale_presence(folder: Path) -> None:
    """Nobody works on the run in ``folder``, if the process is dead that says it does."""
    with suppress(OSError, RecordError):
        presence = read_presence(folder)
        if presence is not None and presence.stale():
            remove_presence(folder)


def read_presence(folder: Path) -> Presence | None:
    """Return what the run's ``folder`` says, ``None`` where nobody works on it.

    Raises:
        RecordError: there is a file of that name that says something else.
    """
    path = folder / PRESENCE_FILE
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RecordError(f"cannot read {path}", why=error.strerror or str(error)) from error
    try:
        if len(content) > _LARGEST:
            raise ValueError(f"it has more than {_LARGEST:,} bytes")
        return _presence(json.loads(content))
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
        raise RecordError(
            f"{path} does not say where a run is",
            why=f"{type(error).__name__}: {error}",
            fix=f"delete {path}: a run that is worked on writes it anew",
        ) from error


def _presence(document: Any) -> Presence:
    if not isinstance(document, Mapping):
        raise ValueError("it is no JSON object")
    given = {field.name: document[field.name] for field in fields(Presence) if field.name in document}
    for name, value in given.items():
        wanted: tuple[type, ...] = (str,) if name in _TEXTS else (int,)
        optional = name in ("worker", "task") and value is None
        if not optional and (not isinstance(value, wanted) or isinstance(value, bool)):
            raise ValueError(f"{name} is {value!r}")
    for name in ("started", "seen"):
        given[name] = datetime.fromisoformat(given[name])
        if given[name].tzinfo is None:
            raise ValueError(f"{name} has no time zone")
    return Presence(**given)


_TEXTS = {"host", "started", "seen", "method", "stream", "order", "backbone", "task", "phase"}
