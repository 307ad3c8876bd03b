"""Finished runs in a folder that cannot be written to are shown; what would be new is refused."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from clbench.cli import main
from clbench.locking import locked
from clbench.results import atomic
from click.testing import CliRunner

TINY = Path(sys.modules["clbench"].__file__ or "").parent / "testing" / "tiny_plugin.py"
RUN = ("run", "--plugin", str(TINY), "--stream", "tiny", "--device", "cpu", "--in-process")


def _run(out: Path, *words: str):
    return CliRunner().invoke(main, [*RUN, "--out", str(out), *words], env={"COLUMNS": "200"})


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    out = tmp_path / "runs"
    done = _run(out, "--methods", "zero-shot")
    assert done.exit_code == 0, done.output
    return out


@pytest.fixture
def read_only(finished: Path) -> Iterator[Path]:
    """The folder on a read-only mount: file modes do not bind a superuser."""
    mounted = subprocess.run(["mount", "--bind", finished, finished], capture_output=True, check=False)
    if mounted.returncode:
        if os.name != "posix" or os.geteuid() == 0:
            pytest.skip("nothing can be mounted here, and modes do not bind this user")
        _modes(finished, 0o555, 0o444)
        yield finished
        _modes(finished, 0o755, 0o644)
        return
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", finished], check=True)
        yield finished
    finally:
        subprocess.run(["umount", finished], check=True)


def _modes(folder: Path, of_folders: int, of_files: int) -> None:
    for path in [*folder.rglob("*"), folder]:
        path.chmod(of_folders if path.is_dir() else of_files)


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("isolated", [True, False])
def test_finished_runs_are_shown(read_only, isolated):
    before = _files(read_only)
    words = [word for word in RUN if word != "--in-process" or not isolated]
    again = CliRunner().invoke(main, [*words, "--out", str(read_only), "--methods", "zero-shot"])
    assert again.exit_code == 0, again.output
    assert "was finished before" in again.output
    assert "zero-shot  tiny" in again.output
    assert _files(read_only) == before


def test_what_would_be_new_is_refused_with_its_name(read_only):
    new = _run(read_only, "--methods", "zero-shot", "--seeds", "0,1")
    assert new.exit_code != 0
    assert "nothing can be written to" in new.output
    assert "of these runs 1 would be new: zero-shot seed 1" in new.output
    assert "Traceback" not in new.output


def test_figures_that_cannot_be_drawn_cost_no_table(finished, monkeypatch):
    next(finished.rglob("matrix.png")).unlink()

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(atomic.tempfile, "mkstemp", refuse)
    again = _run(finished, "--methods", "zero-shot")
    assert again.exit_code == 0, again.output
    assert "cannot be drawn: Read-only file system" in again.output
    assert "zero-shot  tiny" in again.output


def test_a_lock_on_a_read_only_file_system_is_refused_with_words(tmp_path, monkeypatch):
    def refuse(*_: object, **__: object) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(Exception, match="cannot be worked in") as caught, locked(tmp_path / ".lock"):
        pass
    monkeypatch.undo()
    assert "the file system is read-only" in str(caught.value)
    with suppress(OSError):
        (tmp_path / ".lock").unlink()
