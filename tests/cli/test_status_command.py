"""``clbench status`` says of every run what it is at, in 80 columns, whatever its files say."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from clbench.cli import main
from clbench.results import write_record
from clbench.results.presence import PRESENCE_FILE, Presence, host, write_presence
from clbench.testing.records import make_record
from click.testing import CliRunner, Result


def now() -> datetime:
    """Of the test, not of its collection, which may be long ago."""
    return datetime.now(UTC)


def presence(**changes: object) -> Presence:
    given: dict[str, object] = {
        "pid": os.getpid(),
        "host": host(),
        "started": now(),
        "seen": now(),
        "worker": 4711,
        "method": "zscl",
        "stream": "mini",
        "order": "I",
        "backbone": "mini-clip",
        "seed": 3,
        "task": "dtd",
        "index": 1,
        "tasks": 10,
        "phase": "learn",
        "done": 40,
        "total": 900,
    }
    return Presence(**(given | changes))  # type: ignore[arg-type]


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["status", *map(str, words)])


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A run in every state."""
    write_record(tmp_path / "done", make_record())
    begun = {"status": "running", "metrics": None}
    write_record(tmp_path / "stopped", make_record(((80.0, 40.0),), **begun))
    write_record(tmp_path / "alive", make_record(((80.0, 40.0),), **begun))
    write_presence(tmp_path / "alive", presence())
    write_presence(tmp_path / "no-record-yet", presence(phase="prepare", task=None, total=0))
    write_presence(tmp_path / "dead", presence(pid=-1))
    write_presence(tmp_path / "away", presence(host="other", pid=1, seen=now() - timedelta(minutes=5)))
    write_presence(tmp_path / "lost", presence(host="other", pid=1, seen=now() - timedelta(minutes=15)))
    failure = {"task": "dtd", "step": 12, "error": "no memory\nmore", "kind": "OutOfMemoryError"}
    write_record(
        tmp_path / "bad", make_record(((80.0, 40.0),), status="failed", metrics=None, failure=failure)
    )
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "record.json").write_text("{")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / PRESENCE_FILE).write_text("{")
    return tmp_path


STATES = {
    "alive": "running",
    "away": "running",
    "bad": "failed",
    "dead": "stale",
    "done": "finished",
    "lost": "stale",
    "no-record-yet": "running",
    "odd": "unreadable",
    "stopped": "stopped",
}


def test_every_state_is_told_apart(runs: Path) -> None:
    done = run(runs, "--format", "json")
    assert done.exit_code == 0, done.output
    found = {Path(each["folder"]).name: each for each in json.loads(done.output)}
    assert {name: each["state"] for name, each in found.items()} == STATES
    alive = found["alive"]
    assert (alive["rows"], alive["tasks"]) == (1, 2)
    assert alive["presence"]["worker"] == 4711
    assert found["bad"]["why"] == "OutOfMemoryError in task dtd, step 12: no memory"


def test_the_table_says_which_process_where_and_why_in_80_columns(runs: Path) -> None:
    done = run(runs)
    assert done.exit_code == 0, done.output
    assert "9 runs: 3 running, 2 stale, 1 failed, 1 stopped, 1 unreadable, 1 finished" in done.output
    assert all(len(line) <= 80 for line in done.output.splitlines() if str(runs) not in line)
    said = " ".join(done.output.split())
    assert "learn, dtd (task 2 of 10), step 40 of 900" in said
    assert f"process {os.getpid()} on {host()}, worker 4711; since" in said
    assert "OutOfMemoryError in task dtd, step 12: no memory" in said
    assert "goes on where it stopped" in said


def test_a_folder_without_runs_and_none_at_all(tmp_path: Path) -> None:
    assert "there is no run under" in run(tmp_path).output
    done = run(tmp_path / "nowhere")
    assert done.exit_code == 1
    assert "there is nothing at" in done.output


def test_foreign_names_break_nothing(tmp_path: Path) -> None:
    nasty = "\x1b[2Ja\u202eb\n\x00" + "n" * 900
    write_presence(tmp_path / "x", presence(method=nasty, task=nasty, phase=nasty, host=nasty))
    write_record(tmp_path / "y", make_record(method=nasty, stream=nasty, order=nasty))
    done = run(tmp_path)
    assert done.exit_code == 0, done.output
    assert not {"\x1b", "\u202e", "\x00"} & {*done.output}
    assert max(map(len, done.output.splitlines())) <= 210
    assert json.loads(run(tmp_path, "--format", "json").output)[0]["method"] == nasty
