"""Progress as a live picture of a terminal: the plan, the step at hand, the matrix as it fills."""

from __future__ import annotations

import threading

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from clbench.cli.matrix import matrix_table
from clbench.cli.tracking import RunTrack, Tracker, duration
from clbench.events import Event

__all__ = ["LiveDisplay"]

_MARKS = {
    "waiting": ("○", "dim"),
    "running": ("▶", "bold cyan"),
    "finished": ("✓", "bold green"),
    "cached": ("✓", "green"),
    "failed": ("✗", "bold red"),
}
_PHASES = {
    "prepare": "loading stream and models",
    "wait": "waiting for another process at work on this run",
    "decode": "decoding test images",
    "zero-shot": "testing the initial model",
    "generate": "generating images for",
    "learn": "learning",
    "evaluate": "testing after",
}
_MOST_RUNS = 12
_FEWEST_RUNS = 3
_OTHER_LINES = 10
_MOST_STEPS = 8
_BAR = 24


class LiveDisplay:
    """A context manager and a listener of events.

    Args:
        tracker: the plan.
        console: where it is drawn.
    """

    def __init__(self, tracker: Tracker, console: Console) -> None:
        self.tracker = tracker
        self.console = console
        self._lock = threading.RLock()  # the picture is drawn in a thread of its own
        self._ended = False
        self._live = Live(
            get_renderable=self.picture, console=console, refresh_per_second=8, vertical_overflow="crop"
        )

    def __enter__(self) -> LiveDisplay:
        self._live.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._ended = True  # what stays on the screen is the plan with its results
        self._live.__exit__(None, None, None)

    def __call__(self, event: Event) -> None:
        with self._lock:
            self.tracker(event)

    def picture(self) -> RenderableType:
        """What the screen shows now."""
        with self._lock:
            parts: list[RenderableType] = [self._plan()]
            run = self.tracker.current
            if run is not None and not self._ended:
                at_work = [each for each in self.tracker.runs.values() if each.status == "running"]
                parts += [Text(), *(self._step(each) for each in at_work[:_MOST_STEPS])]
                if run.tasks and (run.rows or run.zero_shot):
                    parts += [Text(), _matrix_title(run), self._matrix(run)]
            return Group(Rule(self._title(), style="dim", align="left"), *parts)

    # -- parts --------------------------------------------------------------------------------------

    def _title(self) -> Text:
        runs = list(self.tracker.runs.values())
        config = runs[0].config
        over = sum(run.status in ("finished", "cached", "failed") for run in runs)
        title = Text.assemble(
            (config.stream, "bold"),
            f" · order {config.order} · {config.backbone} · {config.device}",
            f" · {over} of {len(runs)} runs done · ",
            duration(self.tracker.clock() - self.tracker.began),
        )
        left = self.tracker.remaining()
        if left is not None and over < len(runs):
            title.append(f" · about {duration(left)} left", style="cyan")
        return title

    def _plan(self) -> Table:
        runs = list(self.tracker.runs.values())
        several_seeds = len({run.config.seed for run in runs}) > 1
        # Only the remark may be cut where the terminal is narrow.
        table = Table(box=None, pad_edge=False, header_style="dim", expand=True)
        table.add_column("", width=1)
        table.add_column("method", min_width=max(len("method"), *(len(run.config.method) for run in runs)))
        if several_seeds:
            table.add_column("seed", justify="right", min_width=4)
        for name, width in (("tasks", 5), ("transfer", 8), ("average", 7), ("last", 5), ("time", 7)):
            table.add_column(name, justify="right", min_width=width, no_wrap=True)
        table.add_column("", overflow="ellipsis", no_wrap=True, ratio=1)
        shown = self._window(runs)
        for run in shown:
            table.add_row(*self._plan_row(run, several_seeds))
        if len(shown) < len(runs):
            table.add_row("", Text(f"… {len(runs) - len(shown)} more", style="dim"))
        return table

    def _window(self, runs: list[RunTrack]) -> list[RunTrack]:
        """Those around the current one, so many that the matrix has room below them."""
        current = self.tracker.current
        below = len(current.tasks) if current is not None else 0
        below += sum(run.status == "running" for run in runs[:_MOST_STEPS])
        most = max(_FEWEST_RUNS, min(_MOST_RUNS, self.console.height - below - _OTHER_LINES))
        if len(runs) <= most or self._ended:
            return runs
        at = next((i for i, run in enumerate(runs) if run is current), 0)
        first = max(0, min(at - most // 2, len(runs) - most))
        return runs[first : first + most]

    def _plan_row(self, run: RunTrack, several_seeds: bool) -> list[RenderableType]:
        mark, style = _MARKS[run.status]
        complete = run.status in ("finished", "cached")
        metrics = run.metrics() if complete else {}
        figures = [f"{metrics[n]:.1f}" if n in metrics else "" for n in ("transfer", "average", "last")]
        note: RenderableType = ""
        if run.status == "failed":
            note = Text((run.reason.splitlines() or ["failed"])[0], style="red")
        elif run.status == "cached":
            note = Text("finished before", style="dim")
        elif run.status == "running":
            left = run.remaining(self.tracker.clock())
            note = Text(f"{duration(left)} left" if left is not None else "", style="cyan")
        time = "" if run.status == "cached" else duration(run.elapsed(self.tracker.clock()))
        tasks = f"{len(run.rows)}/{len(run.tasks)}" if run.tasks else ""
        head: list[RenderableType] = [Text(mark, style=style), Text(run.config.method, style=style)]
        if several_seeds:
            head.append(str(run.config.seed))
        return [*head, tasks, *(Text(f, style="bold") for f in figures), time, note]

    def _step(self, run: RunTrack) -> RenderableType:
        if run.status != "running":
            return Text()
        doing = Text.assemble((run.config.method, "bold"), "  ", _PHASES.get(run.phase, "next:"))
        if run.tasks and run.phase not in ("prepare", "wait", "decode", "zero-shot"):
            doing.append(f" {run.tasks[run.index]}", style="bold")
            doing.append(f" (task {run.index + 1} of {len(run.tasks)})")
        if run.total <= 1:
            return doing
        facts = Text(f"{run.done}/{run.total}")
        if run.loss is not None:
            facts.append(f"  loss {run.loss:.3f}")
        if run.phase_started is not None and run.done:
            spent = self.tracker.clock() - run.phase_started
            facts.append(f"  {duration(spent / run.done * (run.total - run.done))}", style="cyan")
        width = min(_BAR, self.console.width - doing.cell_len - facts.cell_len - 4)
        if width < 4:
            return Text.assemble(doing, "  ", facts, no_wrap=True, overflow="ellipsis")
        grid = Table.grid(padding=(0, 2))
        bar = ProgressBar(total=run.total, completed=run.done, width=width, complete_style="cyan")
        grid.add_row(doing, bar, facts)
        return grid

    def _matrix(self, run: RunTrack) -> RenderableType:
        learning = run.index if run.status == "running" else None
        return matrix_table(run.tasks, run.rows, run.zero_shot, width=self.console.width, learning=learning)


def _matrix_title(run: RunTrack) -> Text:
    spaces = {"task": "the task's own classes", "seen": "the classes seen so far", "union": "all classes"}
    title = f"{run.config.method}: accuracy in %, rows after learning, among {spaces[run.config.label_space]}"
    return Text(title, style="dim", no_wrap=True, overflow="ellipsis")
