"""What observers are told: one frozen payload for each moment of a run. Nothing here can be changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

__all__ = ["Event", "Progress", "RowRecorded", "RunFinished", "RunStarted", "TaskLearned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Which run it is about.

    Attributes:
        run_id: the run's key: equal configurations have equal keys.
        method, stream, order, backbone: names as on the command line.
        seed: the run's seed.
        tasks: task keys in the order in which they are learned.
        path: the run's directory.
    """

    run_id: str
    method: str
    stream: str
    order: str
    backbone: str
    seed: int
    tasks: tuple[str, ...]
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """``resumed_rows`` rows of the matrix were on disk already; ``zero_shot`` in percent, per task.

    ``config`` is the resolved configuration, as in the record.
    """

    resumed_rows: int
    zero_shot: tuple[float, ...]
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskLearned(Event):
    """Task number ``index`` (0-based) was learned in ``seconds``."""

    index: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRecorded(Event):
    """Row ``index`` (0-based) of the matrix: accuracy in percent on every task of the stream."""

    index: int
    row: tuple[float, ...]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished(Event):
    """``status`` is ``finished``, ``failed`` (``reason`` says why) or ``cached`` (nothing was left to do).

    ``matrix`` holds the rows recorded so far, in percent.
    """

    status: Literal["finished", "failed", "cached"]
    matrix: tuple[tuple[float, ...], ...]
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Event):
    """A step inside a phase, for live displays only (never passed to plugins: too frequent).

    ``phase`` is ``prepare``, ``wait`` (for another process at work on the run), ``decode``, ``zero-shot``,
    ``generate``, ``learn`` or ``evaluate``; ``done`` of ``total`` units of task number ``index`` are
    complete; ``loss`` is the last one, if any.
    """

    phase: str
    index: int
    done: int
    total: int
    loss: float | None = None
