"""What a tracking service is told of a run, whatever the service; plugins say how it is written there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, Generic, TypeVar

from clbench.errors import RecordError
from clbench.events import Event, RowRecorded, RunFinished, RunStarted, TaskLearned
from clbench.hookspecs import hookimpl
from clbench.privacy import secrets_hidden
from clbench.results import RECORD_FILE, Record, read_record

__all__ = ["RunTracker", "figures", "parameters"]

H = TypeVar("H")


class RunTracker(ABC, Generic[H]):
    """Observe runs and write them to a service.

    A subclass opens a run there, writes figures to it and closes it; ``H`` is what it calls an open run.
    Step 0 is the initial model, step i the model after i tasks. A run that goes on is continued where the
    service has it, else it is written from its first row on; so are a run that was finished before, and one
    that began while the service was away, unless the service has it.

    Args:
        out: folder of the records.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self._open: dict[str, H] = {}
        self._learn_seconds: dict[str, float] = {}

    @abstractmethod
    def known(self, run: Event) -> bool:
        """Whether the service has the run already."""

    @abstractmethod
    def open(self, run: Event, params: Mapping[str, str | int | float | bool], step: int) -> H:
        """Begin the run, or continue the one that is :meth:`known` behind ``step``."""

    @abstractmethod
    def log(self, handle: H, step: int, figures: Mapping[str, float]) -> None:
        """Write figures: accuracies in percent, times in seconds."""

    @abstractmethod
    def close(
        self, handle: H, status: str, reason: str, summary: Mapping[str, float], files: Sequence[Path]
    ) -> None:
        """End the run: ``finished``, or ``failed`` for ``reason``; ``files``: record and predictions."""

    @hookimpl
    def clbench_run_started(self, event: RunStarted) -> None:
        """Open the run; write what was recorded of it before, unless the service has it."""
        if self.known(event):
            self._open[event.run_id] = self.open(event, parameters(event.config), event.resumed_rows)
            return
        handle = self._begin(event, event.config, event.zero_shot)
        if event.resumed_rows and (record := _record(event)) is not None:
            self._log_rows(handle, event, record, event.resumed_rows)

    @hookimpl
    def clbench_task_learned(self, event: TaskLearned) -> None:
        """Keep the time for the row that follows."""
        self._learn_seconds[event.run_id] = event.seconds

    @hookimpl
    def clbench_row_recorded(self, event: RowRecorded) -> None:
        """Write a row's figures."""
        seconds = {"seconds/test": event.seconds}
        if event.run_id in self._learn_seconds:
            seconds["seconds/learn"] = self._learn_seconds.pop(event.run_id)
        if event.run_id not in self._open:
            return  # the service was away when the run began, which was said; the end writes it all
        step = event.index + 1
        self.log(self._open[event.run_id], step, {**figures(event.tasks, event.row, step), **seconds})

    @hookimpl
    def clbench_run_finished(self, event: RunFinished) -> None:
        """Close the run with its figures and files; write it whole where it is not open."""
        record = _record(event)
        if event.run_id not in self._open:
            # It was finished before, or could not be opened when it began; what there is, the record has.
            if record is None or not record.rows or self.known(event):
                return
            zero_shot = [a for a in record.zero_shot.get(record.label_space, ()) if a is not None]
            handle = self._begin(event, record.config, zero_shot)
            self._log_rows(handle, event, record, record.rows)
        summary = record.metrics.model_dump(exclude_none=True) if record and record.metrics else {}
        predictions = record.predictions.file if record and record.predictions else ""
        files = [event.path / name for name in (RECORD_FILE, predictions) if name]
        self.close(
            self._open.pop(event.run_id),
            "failed" if event.status == "failed" else "finished",
            event.reason,
            summary,
            [path for path in files if path.exists()],
        )

    def _begin(self, event: Event, config: Mapping[str, Any], zero_shot: Sequence[float]) -> H:
        handle = self.open(event, parameters(config), 0)
        self._open[event.run_id] = handle
        if len(zero_shot) == len(event.tasks):
            self.log(handle, 0, figures(event.tasks, zero_shot, 0))
        return handle

    def _log_rows(self, handle: H, event: Event, record: Record, rows: int) -> None:
        spent = record.resources
        for index, row in enumerate(record.matrix[:rows]):
            values = [float("nan") if a is None else a for a in row]
            seconds = {
                name: times[index]
                for name, times in (
                    ("seconds/learn", spent.learn_seconds),
                    ("seconds/test", spent.evaluate_seconds),
                )
                if index < len(times)
            }
            self.log(handle, index + 1, {**figures(event.tasks, values, index + 1), **seconds})


def figures(tasks: Sequence[str], row: Sequence[float], learned: int) -> dict[str, float]:
    """Return what to show of a row: each accuracy, and their means over all, learned and unlearned tasks.

    Args:
        tasks: keys in the order in which they are learned.
        row: accuracy on each, in percent.
        learned: how many of them are learned.
    """
    means = {"all": row, "learned": row[:learned], "unlearned": row[learned:]}
    return {
        **{f"accuracy/{task}": accuracy for task, accuracy in zip(tasks, row, strict=True)},
        **{f"mean/{name}": fmean(values) for name, values in means.items() if values},
    }


def parameters(config: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    """Return a run's configuration as flat, plain values; a method's settings are ``settings.NAME``.

    Passwords and tokens are left out.
    """
    flat: dict[str, str | int | float | bool] = {}
    for name, value in secrets_hidden(dict(config)).items():
        if name == "settings_sources" or value is None or value == "":
            continue
        for key, inner in value.items() if isinstance(value, Mapping) else (("", value),):
            plain = inner if isinstance(inner, str | int | float | bool) else _words(inner)
            flat[f"{name}.{key}" if key else name] = plain
    return flat


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _record(event: Event) -> Record | None:
    try:
        return read_record(event.path)
    except RecordError:
        return None
