"""A run without a model, for tests of trackers: its events, with records on disk as they would be."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from clbench.events import Event, RowRecorded, RunFinished, RunStarted, TaskLearned
from clbench.plugins import Registry
from clbench.results import Record, write_record
from clbench.results.records import Failure
from clbench.testing.records import make_record

__all__ = ["TRACKED_MATRIX", "play_run"]

TRACKED_MATRIX = ((80.0, 40.0, 30.0), (70.0, 90.0, 20.0), (60.0, 85.0, 95.0))
"""What the played run scores, in percent; its zero-shot row is 50, 50, 50."""


def play_run(
    tracker: str,
    out: Path,
    *,
    start: int = 0,
    stop: int = 3,
    ending: Literal["finished", "failed", "cached", "killed"] = "finished",
    registry: Registry | None = None,
    name: str = "toy",
) -> Record:
    """Play a run of three tasks to an installed tracker and return the record it leaves under ``out``.

    Args:
        tracker: its name.
        out: folder of the records.
        start: how many rows were recorded before, by an earlier run.
        stop: how many rows there are when it ends.
        ending: ``cached``: everything was there before; ``killed``: it ends without a word.
        registry: where the tracker is found; the installed plugins by default.
        name: of the method.

    Raises:
        Exception: the first that the tracker raised. In a real run it would be logged, and the run go on.
    """
    from clbench.plugins import get_registry

    observed = (registry or get_registry()).tracked([tracker], out)
    whole = make_record(TRACKED_MATRIX, method=name)
    config = {"method": name, "seed": 0, "settings": {"lr": 0.1, "layers": ["a", "b"]}}
    path = out / "toy-stream-default-toy-clip" / f"{name}-seed0"

    def tell(kind: type[Event], **details: Any) -> None:
        event = kind(
            run_id=f"{name}0123456789",
            method=name,
            stream=whole.stream.name,
            order=whole.stream.order,
            backbone=whole.backbone.name,
            seed=whole.seed,
            tasks=tuple(task.key for task in whole.stream.tasks),
            path=path,
            **details,
        )
        with _raising(logging.getLogger("clbench.plugins")):
            observed.notify(event)

    def record(rows: Sequence[Sequence[float]], status: str) -> Record:
        failure = Failure(task="t1", error="loss is nan", kind="NotFiniteError")
        part = whole.evolve(
            config=config,
            status=status,
            matrices={"task": tuple(map(tuple, rows))},
            metrics=whole.metrics if status == "finished" else None,
            failure=failure if status == "failed" else None,
        )
        write_record(path, part)
        return part

    if ending == "cached":
        left = record(TRACKED_MATRIX, "finished")
        tell(RunFinished, status="cached", matrix=TRACKED_MATRIX)
        return left
    if start:
        record(TRACKED_MATRIX[:start], "running")
    tell(RunStarted, resumed_rows=start, zero_shot=(50.0, 50.0, 50.0), config=config)
    left = whole
    for index in range(start, stop):
        tell(TaskLearned, index=index, seconds=2.0)
        left = record(TRACKED_MATRIX[: index + 1], "running")
        tell(RowRecorded, index=index, row=TRACKED_MATRIX[index], seconds=1.0)
    if ending == "killed":
        return left
    left = record(TRACKED_MATRIX[:stop], ending)
    reason = "NotFiniteError: loss is nan" if ending == "failed" else ""
    tell(RunFinished, status=ending, matrix=TRACKED_MATRIX[:stop], reason=reason)
    return left


@contextmanager
def _raising(log: logging.Logger) -> Iterator[None]:
    """Raise the first exception that is logged meanwhile."""
    raised: list[BaseException] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.exc_info and record.exc_info[1]:
                raised.append(record.exc_info[1])

    handler = Collect()
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
    if raised:
        raise raised[0]
