"""Displays, fed with events: what a person sees while runs go on."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from clbench.cli.live import LiveDisplay
from clbench.cli.matrix import matrix_table
from clbench.cli.plain import PlainDisplay
from clbench.cli.tracking import Tracker, duration, row_mean
from clbench.config import RunConfig
from clbench.events import Progress, RowRecorded, RunFinished, RunStarted, TaskLearned
from rich.console import Console

TASKS = ("digits", "food", "flags")
ZERO_SHOT = (40.0, 30.0, 20.0)
MATRIX = ((90.0, 25.0, 20.5), (80.0, 85.0, 33.0), (70.0, 75.0, 95.0))


def config(method, seed=0):
    return RunConfig(method=method, stream="mini", order="I", backbone="mini-clip", seed=seed)


class Stage:
    """A plan, a clock that tests move, and every display."""

    def __init__(self, *configs, width=100, height=40):
        self.now = 100.0
        clock = lambda: self.now  # noqa: E731
        self.tracker = Tracker(configs, clock=clock)
        self.console = Console(
            record=True, width=width, height=height, force_terminal=True, file=io.StringIO()
        )
        self.live = LiveDisplay(self.tracker, self.console)
        self.lines: list[str] = []
        self.plain = PlainDisplay(Tracker(configs, clock=clock), write=self.lines.append)

    def __call__(self, config, kind, after=0.0, **details):
        self.now += after
        event = kind(
            run_id=config.key,
            method=config.method,
            stream=config.stream,
            order=config.order,
            backbone=config.backbone,
            seed=config.seed,
            tasks=TASKS,
            path=Path("nowhere"),
            **details,
        )
        self.live(event)
        self.plain(event)

    def learn(self, config, index):
        self(config, Progress, 5, phase="learn", index=index, done=50, total=100, loss=1.5)
        self(config, TaskLearned, 5, index=index, seconds=10.0)
        self(config, RowRecorded, 2, index=index, row=MATRIX[index], seconds=2.0)

    def whole(self, config):
        self(config, Progress, phase="zero-shot", index=0, done=0, total=3)
        self(config, RunStarted, resumed_rows=0, zero_shot=ZERO_SHOT)
        for index in range(3):
            self.learn(config, index)
        self(config, RunFinished, status="finished", matrix=MATRIX)

    def picture(self):
        self.console.print(self.live.picture())
        return self.console.export_text()


def test_plain_display_prints_one_line_a_task():
    stage = Stage(config("zscl"))
    stage.whole(config("zscl"))
    assert stage.lines == [
        "zscl seed 0: testing zero-shot",
        "zscl seed 0: mini order I, 3 tasks, zero-shot mean 30.0 %",
        "zscl seed 0: task 1/3 digits: learned in 10.0 s, tested in 2.0 s, mean 45.2 %, 0:24 left",
        "zscl seed 0: task 2/3 food: learned in 10.0 s, tested in 2.0 s, mean 66.0 %, 0:12 left",
        "zscl seed 0: task 3/3 flags: learned in 10.0 s, tested in 2.0 s, mean 80.0 %",
        # Transfer: columns first, (25 + (20.5 + 33) / 2) / 2
        "zscl seed 0: finished in 0:36: Transfer 25.9, Average 63.7, Last 80.0",
    ]
    assert not any("\r" in line for line in stage.lines)


def test_live_display_shows_plan_step_and_matrix():
    zscl, diki, gift = config("zscl"), config("diki"), config("gift")
    stage = Stage(zscl, diki, gift)
    stage.whole(zscl)
    stage(diki, RunStarted, resumed_rows=0, zero_shot=ZERO_SHOT)
    stage.learn(diki, 0)
    stage(diki, Progress, 5, phase="learn", index=1, done=30, total=120, loss=0.75)
    stage.now += 5
    text = stage.picture()
    lines = [line.split() for line in text.splitlines()]
    assert ["✓", "zscl", "3/3", "25.9", "63.7", "80.0", "0:36"] in lines
    assert next(line for line in lines if line[:2] == ["▶", "diki"])[-1] == "left"
    assert ["○", "gift"] in lines
    assert "1 of 3 runs done" in text
    step = next(line for line in text.splitlines() if "task 2 of 3" in line)
    assert step.startswith("diki  learning food (task 2 of 3)")
    assert "30/120  loss 0.750  0:15" in step
    assert ["zero-shot", "40.0", "30.0", "20.0"] in lines
    assert ["digits", "90.0", "25.0", "20.5"] in lines
    assert ["▶", "food", "·", "·", "·"] in lines


def test_failed_and_cached_runs_are_told_apart():
    zscl, diki = config("zscl"), config("diki")
    stage = Stage(zscl, diki)
    stage(zscl, RunFinished, status="cached", matrix=MATRIX)
    stage(
        diki, RunFinished, status="failed", matrix=(), reason="NotFiniteError: loss is NaN at step 31\nmore"
    )
    text = stage.picture()
    assert "finished before" in next(line for line in text.splitlines() if "✓ " in line)
    assert "loss is NaN at step 31" in next(line for line in text.splitlines() if "✗ " in line)
    assert stage.lines[0] == "zscl seed 0: was finished before: Transfer 25.9, Average 63.7, Last 80.0"
    assert stage.lines[1] == "diki seed 0: FAILED: NotFiniteError: loss is NaN at step 31"


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_live_display_fits_its_terminal(width):
    configs = [config(m, s) for m in ("zscl", "a-method-with-a-long-name") for s in range(12)]
    stage = Stage(*configs, width=width, height=24)
    stage(configs[14], RunStarted, resumed_rows=0, zero_shot=ZERO_SHOT)
    stage(configs[14], Progress, 1, phase="learn", index=0, done=50, total=100, loss=1.5)
    lines = stage.picture().splitlines()
    assert max(len(line) for line in lines) <= width
    if width >= 60:
        assert len(lines) <= 24
    assert any("▶" in line for line in lines)


def test_live_display_leaves_the_plan_on_the_screen():
    stage = Stage(config("zscl"))
    with stage.live:
        stage.whole(config("zscl"))
    final = stage.picture()
    assert "25.9" in final
    assert "zero-shot" not in final.splitlines()[-1]


def test_time_left_is_not_guessed_too_early():
    stage = Stage(config("zscl"), config("diki"))
    run = stage.tracker.runs[config("zscl").key]
    stage(config("zscl"), RunStarted, resumed_rows=0, zero_shot=ZERO_SHOT)
    assert run.remaining(stage.now) is None
    stage(config("zscl"), Progress, 9, phase="learn", index=0, done=100, total=100)
    # Nine tenths of the first of three tasks took nine seconds.
    assert run.remaining(stage.now) == pytest.approx(21)
    assert stage.tracker.remaining() == pytest.approx(21 + 30)


def test_resumed_tasks_are_not_counted_as_work_to_do():
    stage = Stage(config("zscl"))
    stage(config("zscl"), RunStarted, resumed_rows=2, zero_shot=ZERO_SHOT)
    stage(config("zscl"), Progress, 9, phase="learn", index=2, done=100, total=100)
    assert stage.tracker.runs[config("zscl").key].remaining(stage.now) == pytest.approx(1)
    assert "goes on after 2 tasks" in stage.lines[0]


def test_events_of_unplanned_runs_are_left_alone():
    stage = Stage(config("zscl"))
    stage(config("other"), RunStarted, resumed_rows=0, zero_shot=ZERO_SHOT)
    assert stage.lines == []
    assert stage.tracker.current is None


def test_matrix_marks_gain_and_loss_against_zero_shot():
    table = matrix_table(TASKS, dict(enumerate(MATRIX)), ZERO_SHOT, width=80)
    console = Console(width=80, force_terminal=True, color_system="standard", file=io.StringIO())
    console.print(table)
    text = console.file.getvalue()
    assert "\x1b[1;4;32m90.0" in text  # learned, far above zero-shot
    assert "\x1b[31m25.0" in text  # a little below
    assert "\x1b[32m20.5" not in text  # half a point is no change


def test_matrix_without_zero_shot_and_with_holes():
    console = Console(width=80, file=io.StringIO())
    console.print(matrix_table(TASKS, {1: (None, 50.0, float("nan"))}, (), width=80))
    assert ["food", "–", "50.0", "–"] in [line.split() for line in console.file.getvalue().splitlines()]


def test_durations_and_means():
    assert [duration(s) for s in (None, 0, 7.4, 59.6, 3723)] == ["", "0:00", "0:07", "1:00", "1:02:03"]
    assert row_mean((1.0, None, float("nan"), 3.0)) == 2.0
    assert row_mean((None,)) is None
