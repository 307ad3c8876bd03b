"""Progress as plain lines, for files, pipes and logs: one line a task."""

from __future__ import annotations

from collections.abc import Callable

import click

from clbench.cli.tracking import RunTrack, Tracker, duration, row_mean
from clbench.events import Event, Progress, RowRecorded, RunFinished, RunStarted

__all__ = ["PlainDisplay"]

_ANNOUNCED = {
    "wait": "waiting for another process at work on this run",
    "decode": "decoding test images",
    "zero-shot": "testing zero-shot",
    "generate": "generating images",
}
_COUNTED = ("decode", "generate")


class PlainDisplay:
    """Prints what happened; a context manager like :class:`clbench.cli.live.LiveDisplay`."""

    def __init__(self, tracker: Tracker, write: Callable[[str], None] = click.echo) -> None:
        self.tracker = tracker
        self.write = write
        self._announced: set[tuple[str, str, int]] = set()

    def __enter__(self) -> PlainDisplay:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def __call__(self, event: Event) -> None:
        self.tracker(event)
        run = self.tracker.runs.get(event.run_id)
        if run is None:
            return
        head = f"{event.method} seed {event.seed}:"
        if isinstance(event, Progress):
            occasion = (event.run_id, event.phase, event.index)
            if event.phase in _ANNOUNCED and occasion not in self._announced:
                self._announced.add(occasion)
                count = f" ({event.total:,})" if event.phase in _COUNTED else ""
                self.write(f"{head} {_ANNOUNCED[event.phase]}{count}")
        elif isinstance(event, RunStarted):
            mean = row_mean(event.zero_shot)
            zero_shot = f", zero-shot mean {mean:.1f} %" if mean is not None else ""
            goes_on = f", goes on after {event.resumed_rows} tasks" if event.resumed_rows else ""
            self.write(
                f"{head} {event.stream} order {event.order}, {len(event.tasks)} tasks{zero_shot}{goes_on}"
            )
        elif isinstance(event, RowRecorded):
            self.write(f"{head} {self._row(event, run)}")
        elif isinstance(event, RunFinished):
            self.write(f"{head} {self._end(event, run)}")

    def _row(self, event: RowRecorded, run: RunTrack) -> str:
        learned = f"learned in {run.learn_seconds[-1]:.1f} s, " if run.learn_seconds else ""
        mean = row_mean(event.row)
        left = duration(run.remaining(self.tracker.clock()))
        return (
            f"task {event.index + 1}/{len(event.tasks)} {event.tasks[event.index]}: {learned}"
            f"tested in {event.seconds:.1f} s, mean {'–' if mean is None else f'{mean:.1f}'} %"
            + (f", {left} left" if left and event.index + 1 < len(event.tasks) else "")
        )

    def _end(self, event: RunFinished, run: RunTrack) -> str:
        if event.status == "failed":
            return f"FAILED: {event.reason.splitlines()[0] if event.reason else ''}"  # all of it at the end
        figures = ", ".join(f"{name.capitalize()} {value:.1f}" for name, value in run.metrics().items())
        took = duration(run.elapsed(self.tracker.clock()))
        how = "was finished before" if event.status == "cached" else f"finished in {took}"
        return f"{how}{': ' + figures if figures else ''}"
