"""Which process works on a run is written beside it, read with care, and not believed of the dead."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from clbench.errors import RecordError
from clbench.locking import process_lives
from clbench.results.presence import (
    PRESENCE_FILE,
    Presence,
    host,
    read_presence,
    remove_presence,
    write_presence,
)

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HERE = Presence(
    pid=os.getpid(),
    host=host(),
    started=AT,
    seen=AT,
    worker=7,
    method="zscl",
    stream="mini",
    order="I",
    backbone="mini-clip",
    seed=0,
    task="dtd",
    index=1,
    tasks=10,
    phase="learn",
    done=3,
    total=40,
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert read_presence(tmp_path) is None
    write_presence(tmp_path, HERE)
    assert read_presence(tmp_path) == HERE
    later = HERE.now(done=4)
    write_presence(tmp_path, later)
    assert read_presence(tmp_path) == later
    assert later.seen > AT
    assert [path.name for path in tmp_path.iterdir()] == [PRESENCE_FILE]
    remove_presence(tmp_path)
    remove_presence(tmp_path)
    assert read_presence(tmp_path) is None


# Without the number of this process: names of tests are the same in each.
WRITTEN = HERE.as_json() | {"pid": 1}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"{",
        b"[" * 100_000,
        b"\xff",
        b"x" * 100_000,
        json.dumps(WRITTEN | {"pid": "1"}).encode(),
        json.dumps(WRITTEN | {"pid": True}).encode(),
        json.dumps(WRITTEN | {"seen": "yesterday"}).encode(),
        json.dumps(WRITTEN | {"seen": "2026-01-02T03:04:05"}).encode(),
        json.dumps(WRITTEN | {"phase": None}).encode(),
    ],
)
def test_what_is_none_is_named_with_what_mends_it(content: bytes, tmp_path: Path) -> None:
    (tmp_path / PRESENCE_FILE).write_bytes(content)
    with pytest.raises(RecordError, match="does not say where a run is") as caught:
        read_presence(tmp_path)
    assert "delete" in caught.value.fix


def test_a_later_version_may_say_more(tmp_path: Path) -> None:
    (tmp_path / PRESENCE_FILE).write_text(json.dumps(HERE.as_json() | {"gpu": 3}))
    assert read_presence(tmp_path) == HERE


def test_the_dead_are_stale() -> None:
    assert not HERE.stale()
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    assert not process_lives(child.pid)
    assert replace(HERE, pid=child.pid).stale()
    assert replace(HERE, pid=-1).stale()


def test_who_was_not_seen_on_another_machine_is_stale_after_ten_minutes() -> None:
    away = replace(HERE, host="elsewhere", pid=1)
    assert not away.stale(AT + timedelta(minutes=9))
    assert away.stale(AT + timedelta(minutes=11))
