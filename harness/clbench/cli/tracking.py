"""What is known of planned runs while they go on; displays draw it, tests feed it events."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from clbench.events import Event, Progress, RowRecorded, RunFinished, RunStarted, TaskLearned

if TYPE_CHECKING:
    from clbench.config import RunConfig

__all__ = ["Row", "RunTrack", "Tracker", "duration", "row_mean"]

Row = tuple[float | None, ...]

# Before a task has shown how its time divides: most of it is learning.
_LEARNING_SHARE = 0.9


@dataclass
class RunTrack:
    """One planned run.

    Attributes:
        status: ``waiting``, ``running``, ``finished``, ``failed``, or ``cached`` (finished before).
        resumed_rows: rows that were on disk at the start.
        index, phase, done, total, loss: where it is.
        started, phase_started, ended: clock readings.
        rows: rows of the matrix by index, in percent.
    """

    config: RunConfig
    status: Literal["waiting", "running", "finished", "failed", "cached"] = "waiting"
    tasks: tuple[str, ...] = ()
    zero_shot: Row = ()
    resumed_rows: int = 0
    index: int = 0
    phase: str = ""
    done: int = 0
    total: int = 0
    loss: float | None = None
    began: float | None = None
    started: float | None = None
    phase_started: float | None = None
    ended: float | None = None
    learn_seconds: list[float] = field(default_factory=list)
    test_seconds: list[float] = field(default_factory=list)
    rows: dict[int, Row] = field(default_factory=dict)
    reason: str = ""

    def elapsed(self, now: float) -> float | None:
        """Seconds of this run so far, or in all."""
        return None if self.began is None else (now if self.ended is None else self.ended) - self.began

    def remaining(self, now: float) -> float | None:
        """Seconds this run still needs at its speed so far; ``None`` while that is a guess."""
        if self.status != "running" or self.started is None or not self.tasks:
            return None
        learned, tested = sum(self.learn_seconds), sum(self.test_seconds)
        share = learned / (learned + tested) if self.test_seconds and learned + tested else _LEARNING_SHARE
        part = self.done / self.total if self.total else 0.0
        inside = {"learn": share * part, "evaluate": share + (1 - share) * part}.get(self.phase, 0.0)
        complete = len(self.test_seconds) + inside
        if complete < 0.03:
            return None
        todo = len(self.tasks) - self.resumed_rows
        spent = now - self.started
        return max(0.0, spent / complete * todo - spent)

    def metrics(self) -> dict[str, float]:
        """Transfer, Average and Last of a complete matrix; empty before."""
        from clbench.results import metrics
        from clbench.results.metrics import MatrixError

        matrix = [self.rows[i] for i in sorted(self.rows)]
        found = {}
        for name in ("transfer", "average", "last"):
            try:
                found[name] = float(metrics.METRICS[name](matrix))
            except MatrixError:
                continue
        return found


class Tracker:
    """All planned runs, kept up to date by events.

    Args:
        configs: the plan, in order.
        clock: seconds on a clock that never goes back.
    """

    def __init__(self, configs: Sequence[RunConfig], clock: Callable[[], float] = time.monotonic) -> None:
        self.runs = {config.key: RunTrack(config) for config in configs}
        self.clock = clock
        self.began = clock()
        self.current: RunTrack | None = None

    def __call__(self, event: Event) -> None:
        run = self.runs.get(event.run_id)
        if run is None:
            return
        now = self.clock()
        run.tasks = event.tasks or run.tasks
        if run.began is None:
            run.began = now
        if isinstance(event, RunFinished):
            self._finish(run, event, now)
            return
        run.status = "running"
        if self.current is None or self.current.status != "running":
            self.current = run  # of several runs at once, the first stays in view until it ends
        if isinstance(event, RunStarted):
            run.started, run.zero_shot, run.resumed_rows = now, event.zero_shot, event.resumed_rows
            run.index = event.resumed_rows
            run.rows.update(enumerate(_recorded_rows(event)[: event.resumed_rows]))
        elif isinstance(event, Progress):
            if (event.phase, event.index) != (run.phase, run.index) or run.phase_started is None:
                run.phase_started, run.loss = now, None
            run.phase, run.index, run.done, run.total = event.phase, event.index, event.done, event.total
            run.loss = event.loss if event.loss is not None else run.loss
        elif isinstance(event, TaskLearned):
            run.learn_seconds.append(event.seconds)
        elif isinstance(event, RowRecorded):
            run.test_seconds.append(event.seconds)
            run.rows[event.index] = event.row
            run.phase, run.done, run.total = "", 0, 0
            run.index = min(event.index + 1, len(event.tasks) - 1)

    def _finish(self, run: RunTrack, event: RunFinished, now: float) -> None:
        run.status, run.ended, run.reason, run.phase = event.status, now, event.reason, ""
        run.rows.update(enumerate(event.matrix))
        self.current = run

    def remaining(self) -> float | None:
        """Seconds that all runs still need, taking the ones that wait for average ones."""
        now = self.clock()
        known = [run.elapsed(now) or 0.0 for run in self.runs.values() if run.status == "finished"]
        left = 0.0
        for run in self.runs.values():
            if run.status == "running":
                remaining = run.remaining(now)
                if remaining is None:
                    return None
                left += remaining
                known.append((run.elapsed(now) or 0.0) + remaining)
        waiting = sum(run.status == "waiting" for run in self.runs.values())
        if waiting and not known:
            return None
        return left + (waiting * sum(known) / len(known) if waiting else 0.0)


def duration(seconds: float | None) -> str:
    """``0:07``, ``12:30``, ``1:02:03``; empty for ``None``."""
    if seconds is None:
        return ""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def row_mean(row: Row) -> float | None:
    """Mean of what a row holds."""
    values = [value for value in row if value is not None and not math.isnan(value)]
    return sum(values) / len(values) if values else None


def _recorded_rows(event: RunStarted) -> tuple[Row, ...]:
    """Rows of a run that is resumed: the event counts them, its record holds them."""
    if not event.resumed_rows:
        return ()
    from clbench.errors import RecordError
    from clbench.results import read_record

    try:
        return read_record(event.path).matrix
    except RecordError:
        return ()  # a display goes without; the run itself reads its rows elsewhere
