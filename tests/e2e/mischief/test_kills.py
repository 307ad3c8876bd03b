"""Any process of a run may be killed at any moment: the same command goes on, and ends as if nothing was."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from commands import figures, left_after, start
from kills import campaign

pytestmark = pytest.mark.slow


def test_kills_at_random_moments(tmp_path, explore_seed):
    tally = campaign(tmp_path, 6, seed=explore_seed, each=3)
    assert tally.equal == tally.ends > 0, tally.notes
    assert tally.outlived == 0, tally.notes


def test_the_same_command_four_times_at_once(tmp_path):
    commands = [start(tmp_path, "honest") for _ in range(4)]
    outputs = [command.communicate(timeout=600)[0] for command in commands]
    assert [command.returncode for command in commands] == [0] * 4, outputs
    assert len(list(tmp_path.rglob("record.json"))) == 1
    worked = [output for output in outputs if "task 1/3 t0: learned" in output]
    assert len(worked) == 1, outputs
    assert figures(tmp_path, "honest")
    assert not left_after(tmp_path, 5.0)


def test_runs_at_once_are_those_of_one_after_another(tmp_path):
    for jobs in ("1", "2"):
        command = start(tmp_path / jobs, "honest", "--jobs", jobs, "--seeds", "0,1,2")
        output, _ = command.communicate(timeout=600)
        assert command.returncode == 0, output
    for seed in range(3):
        one, two = (figures(tmp_path / jobs, f"honest-seed{seed}") for jobs in ("1", "2"))
        assert one == two


def _all(command):
    """What a terminal does at Ctrl-C, and worse: it sends it to all processes."""
    for process in [psutil.Process(command.pid), *psutil.Process(command.pid).children(recursive=True)]:
        if process.is_running():
            process.send_signal(signal.SIGINT)


STOPS = {
    130: _all,
    143: lambda command: command.send_signal(signal.SIGTERM),  # as schedulers do
    129: lambda command: os.killpg(command.pid, signal.SIGHUP),  # as a terminal does that is closed
}


@pytest.mark.parametrize("status", STOPS)
def test_a_stopped_command_ends_soon_leaves_no_process_and_goes_on(tmp_path, status):
    straight = start(tmp_path / "straight", "honest", "--seeds", "0,1,2")
    output, _ = straight.communicate(timeout=600)
    assert straight.returncode == 0, output
    out = tmp_path / "cut"
    command = start(out, "honest", "--jobs", "2", "--seeds", "0,1,2")
    while not list(out.glob("*/*/rows/*.npz")) and command.poll() is None:
        time.sleep(0.02)
    STOPS[status](command)
    begun = time.monotonic()
    output, _ = command.communicate(timeout=600)
    taken = time.monotonic() - begun
    assert command.returncode == status, output
    assert output.count("stopped; the same command again goes on") == 1
    assert "FAILED" not in output
    assert "Traceback" not in output
    assert not left_after(out, 5.0)
    print(f"ended {taken:.1f} s later")
    command = start(out, "honest", "--jobs", "2", "--seeds", "0,1,2")
    output, _ = command.communicate(timeout=600)
    assert command.returncode == 0, output
    for seed in range(3):
        name = f"honest-seed{seed}"
        assert figures(out, name) == figures(tmp_path / "straight", name)
