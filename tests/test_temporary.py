"""What killed processes leave in temporary folders, and beside a file, is removed; what is in use is not."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from clbench.results.atomic import atomic_write
from clbench.temporary import owner, temporary_folder


@pytest.fixture
def dead() -> str:
    """Machine and process of a process that has ended."""
    code = "from clbench.temporary import owner; print(owner())"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def _aged(path: Path, days: float) -> None:
    then = path.stat().st_mtime - days * 86_400
    os.utime(path, (then, then))


def test_folders_of_dead_processes_go_when_the_next_is_made(tmp_path, dead):
    left = tmp_path / f"clbench-audit-{dead}-x"
    (left / "scratch").mkdir(parents=True)
    (left / "scratch" / "file").touch()
    used = tmp_path / f"clbench-audit-{owner()}-y"
    used.mkdir()
    with temporary_folder("audit") as folder:
        assert folder.parent == tmp_path
        assert {path.name for path in tmp_path.iterdir()} == {used.name, folder.name}
    assert [*tmp_path.iterdir()] == [used]


@pytest.mark.parametrize(("days", "goes"), [(0.5, False), (2, True)])
def test_those_of_other_machines_go_after_a_day(tmp_path, days, goes):
    other = tmp_path / "clbench-audit-00000000-1-x"
    other.mkdir()
    _aged(other, days)
    with temporary_folder("audit"):
        assert other.exists() != goes


def test_other_kinds_stay(tmp_path, dead):
    (tmp_path / f"clbench-test-{dead}-x").touch()
    with temporary_folder("audit"):
        pass
    assert (tmp_path / f"clbench-test-{dead}-x").exists()


def test_half_a_file_of_a_dead_process_goes_when_the_file_is_written(tmp_path, dead):
    (tmp_path / f".record.json.{dead}.abcdefgh.tmp").write_text("{")
    others = [f".record.json.{owner()}.abcdefgh.tmp", f".row.npz.{dead}.abcdefgh.tmp", "record.json.tmp"]
    for name in others:
        (tmp_path / name).touch()
    atomic_write(tmp_path / "record.json", b"{}")
    assert {path.name for path in tmp_path.iterdir()} == {"record.json", *others}


def test_a_name_with_signs_of_patterns_is_no_pattern(tmp_path, dead):
    (tmp_path / f".ab.{dead}.abcdefgh.tmp").touch()
    atomic_write(tmp_path / "a[b]", b"")
    atomic_write(tmp_path / "*", b"")
    assert (tmp_path / f".ab.{dead}.abcdefgh.tmp").exists()
