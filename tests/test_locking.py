"""Locks between processes, with and without a file system that has them."""

from __future__ import annotations

import errno
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from clbench import locking
from clbench.errors import ClbenchError
from clbench.locking import BusyError, held, locked

fcntl = pytest.importorskip("fcntl")

HOLDER = """
import sys, time
from pathlib import Path
code = {without}
if code:
    import fcntl
    def flock(*_): raise OSError(code, "no locks")
    fcntl.flock = flock
from clbench.locking import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture(
    params=[0, errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS], ids=["flock", "nolck", "notsup", "nosys"]
)
def without(request, monkeypatch):
    """A file system with locks, and one that answers with each of the errors of those that have none."""
    if request.param:

        def flock(*_):
            raise OSError(request.param, os.strerror(request.param))

        monkeypatch.setattr(fcntl, "flock", flock)
    monkeypatch.setattr(locking, "_without_locks", set())
    return request.param


def _holder(path: Path, without: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER.format(without=without), path], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_lock_is_for_one(tmp_path, without):
    path = tmp_path / "deep" / ".lock"
    assert not held(path)
    with locked(path):
        assert held(path)
        with pytest.raises(BusyError, match="another process"), locked(path, wait=False):
            pass
    assert not held(path)
    with locked(path, wait=False):
        pass


def test_a_lock_ends_with_its_process_however_that_dies(tmp_path, without):
    path = tmp_path / ".lock"
    process = _holder(path, without)
    try:
        assert held(path)
    finally:
        process.kill()
        process.wait()
    assert not held(path)
    waited = []
    with locked(path, waiting=lambda: waited.append(True)):
        assert held(path)


def test_who_waits_is_told_once(tmp_path, without):
    path = tmp_path / ".lock"
    process = _holder(path, without)
    told = []

    def waiting() -> None:
        told.append(True)
        process.kill()
        process.wait()

    with locked(path, waiting=waiting):
        pass
    assert told == [True]


def test_a_file_system_without_locks_is_named_once(tmp_path, without, caplog):
    with caplog.at_level(logging.WARNING):
        for name in ("a", "b"):
            with locked(tmp_path / name):
                pass
    assert [("no locks" in r.message, str(tmp_path) in r.message) for r in caplog.records] == (
        [(True, True)] if without else []
    )


@pytest.mark.parametrize(
    ("code", "said"), [(errno.EROFS, "read-only"), (errno.EACCES, "may not write"), (errno.ENOSPC, "full")]
)
def test_where_no_lock_can_be_made_the_error_says_why(tmp_path, monkeypatch, code, said):
    def refuse(*_args, **_kwargs):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ClbenchError, match=said) as caught, locked(tmp_path / ".lock"):
        pass
    assert "--out" in caught.value.fix


def test_a_file_where_a_folder_is_due_is_named(tmp_path):
    (tmp_path / "out").write_text("")
    with (
        pytest.raises(ClbenchError, match="a file, not a folder"),
        locked(tmp_path / "out" / "run" / ".lock"),
    ):
        pass


def test_an_error_in_the_block_is_left_as_it_is(tmp_path):
    with pytest.raises(OSError, match="mine"), locked(tmp_path / ".lock"):
        raise OSError("mine")
    assert not held(tmp_path / ".lock")
