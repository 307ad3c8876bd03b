"""Say in the run's folder that it is worked on, and where it is; see :mod:`clbench.results.presence`."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from clbench.config import RunConfig
from clbench.events import Event, Progress
from clbench.results.presence import Presence, host, remove_presence, write_presence

__all__ = ["Announcement"]

_EVERY = 1.0  # seconds
_AT_REST = 30.0  # seconds, while nothing is heard


class Announcement:
    """Keeps ``running.json`` up to date between ``with`` and its end."""

    def __init__(self, folder: Path, config: RunConfig) -> None:
        self._folder = folder
        now = datetime.now(UTC)
        self._presence = Presence(
            pid=os.getpid(),
            host=host(),
            started=now,
            seen=now,
            method=config.method,
            stream=config.stream,
            order=config.order,
            backbone=config.backbone,
            seed=config.seed,
        )
        self._written = float("-inf")

    def __enter__(self) -> Announcement:
        self._write()
        return self

    def __exit__(self, *exc: object) -> None:
        with suppress(OSError):
            remove_presence(self._folder)

    def begun(self, worker: int | None) -> None:
        """The worker's process is there."""
        self._presence = self._presence.now(worker=worker)
        self._write()

    def tell(self, event: Event) -> None:
        """Note where the run is."""
        if isinstance(event, Progress):
            self._presence = self._presence.now(
                task=event.tasks[event.index] if event.index < len(event.tasks) else None,
                index=event.index,
                tasks=len(event.tasks),
                phase=event.phase,
                done=event.done,
                total=event.total,
            )
            if time.monotonic() - self._written >= _EVERY:
                self._write()

    def pulse(self) -> None:
        """Nothing is new; the run is still worked on."""
        if time.monotonic() - self._written >= _AT_REST:
            self._presence = self._presence.now()
            self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        with suppress(OSError):  # what is not said is missed by nobody but a reader
            write_presence(self._folder, self._presence)
