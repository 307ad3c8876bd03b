"""What a worker is told before its first order, and what its process takes over. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from clbench.config import RunConfig
from clbench.plugins import Origin
from clbench.runs.worker.watch import Grounds

__all__ = ["LOG_FILE", "Assignment", "Surroundings"]

LOG_FILE = "worker.log"
"""In a run's folder: what its worker has printed."""


@dataclass(frozen=True)
class Assignment:
    """What is to be done.

    Attributes:
        config: of the run.
        task_keys: of the stream, in order.
        folder: of the run, with its checkpoints.
        scratch: where the method may write.
        log: the file of what the process prints.
        threads: for computations on the CPU; 0: as torch finds fit.
    """

    config: RunConfig
    task_keys: tuple[str, ...]
    folder: Path
    scratch: Path
    log: Path
    threads: int = 0


@dataclass(frozen=True)
class Surroundings:
    """What may have changed since the fork server began.

    Attributes:
        environment, folder: the supervisor's.
        origin: of the plugins.
        grounds: what lies where, see :class:`clbench.runs.worker.watch.Watch`.
    """

    environment: Mapping[str, str]
    folder: str
    origin: Origin
    grounds: Grounds
