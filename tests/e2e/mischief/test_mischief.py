"""However a method misbehaves: it is named, the command ends, and the other method is as it is alone."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from commands import figures, left_after, record_of, start
from mischief import CASES

SHORT = ("sigsegv", "os-exit-0", "connection-reset", "changes-initial-weights", "writes-a-pickle")
# It ends what all workers of a command are children of, so that only runs that come later can be untouched.
ALONE = ("kills-its-parent",)
# They take away what runs before them have left; and the disk is everybody's.
LATER = ("removes-other-runs", "renames-other-runs")
APART = (*ALONE, *LATER, "fills-the-disk")
_MOST = 600  # seconds for a command, however slow the machine
_STALL = 30


def _groups() -> list[tuple[str, ...]]:
    hanging = tuple(name for name, each in CASES.items() if each.hangs)
    others = [name for name in CASES if name not in (*hanging, *APART)]
    return [hanging, ALONE, *(tuple(others[i::6]) for i in range(6))]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The figures of the method that behaves, in a command of its own."""
    out = tmp_path_factory.mktemp("alone")
    output, _ = (command := start(out, "honest")).communicate(timeout=_MOST)
    assert command.returncode == 0, output
    return figures(out, "honest")


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """(folder of records, output) of the command that ran a case and others, and then ``honest``."""
    ended: dict[tuple[str, ...], tuple[Path, str]] = {}

    def run(names: tuple[str, ...]) -> tuple[Path, str]:
        if names not in ended:
            out = tmp_path_factory.mktemp("together")
            hanging = CASES[names[0]].hangs
            words = ("--stall-timeout", str(_STALL), "--jobs", "5") if hanging else ()
            command = start(out, ",".join((*names, "honest")), *words)
            output, _ = command.communicate(timeout=_MOST)
            assert command.returncode == 1, output
            assert not left_after(out, 5.0), "no process outlives the command"
            ended[names] = out, output
        return ended[names]

    return run


def _look(name: str, out: Path, output: str, alone: dict) -> None:
    wanted, record = CASES[name], record_of(out, name)
    if wanted.ends:
        assert record.get("status") == "failed", output[-3000:]
        text = f"{record['failure']['kind']}: {record['failure']['error']}"
        assert re.search(wanted.ends, text, re.DOTALL), text[:500]
        assert f"{name} seed 0: FAILED" in output
        assert len(text) < 50_000
    else:
        assert record["status"] == "finished", record.get("failure")
        assert record["matrices"] == alone["matrices"]
    assert "\x1b[2J" not in output
    assert not (Path.cwd() / "pickle-was-executed").exists()


@pytest.mark.parametrize("name", SHORT)
def test_a_method_that_misbehaves_is_named_and_the_other_is_as_alone(name, alone, together):
    out, output = together(SHORT)
    _look(name, out, output, alone)
    assert figures(out, "honest") == alone


@pytest.mark.slow
@pytest.mark.parametrize(("name", "group"), [(name, group) for group in _groups() for name in group])
def test_every_way_to_misbehave(name, group, alone, together):
    out, output = together(group)
    _look(name, out, output, alone)
    assert figures(out, "honest") == alone


@pytest.mark.slow
@pytest.mark.parametrize("name", LATER)
def test_whose_record_another_run_takes_away_is_told_and_made_again(name, alone, tmp_path):
    """No process can keep another one of the same user from its files: it is seen, and costs no figure."""
    command = start(tmp_path, f"honest,{name}")
    output, _ = command.communicate(timeout=_MOST)
    assert command.returncode == 1, output
    assert re.search(r"failed: honest seed 0: its record was lost after its end", output), output
    assert "other runs" in record_of(tmp_path, name)["conduct"]["touched"]
    again = start(tmp_path, "honest")
    output, _ = again.communicate(timeout=_MOST)
    assert again.returncode == 0, output
    assert figures(tmp_path, "honest") == alone


@pytest.mark.slow
def test_a_method_that_fills_the_disk_is_recorded_and_the_next_has_room(alone, tmp_path):
    mounted = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(tmp_path)]
    if subprocess.run(mounted, capture_output=True, check=False).returncode:
        pytest.skip("no small disk can be mounted here")
    try:
        command = start(tmp_path / "runs", "fills-the-disk,honest")
        output, _ = command.communicate(timeout=_MOST)
        assert command.returncode == 1, output
        failure = record_of(tmp_path / "runs", "fills-the-disk")["failure"]
        assert "No space left" in failure["error"]
        assert figures(tmp_path / "runs", "honest") == alone
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_there_are_as_many_ways_as_promised():
    assert len(CASES) >= 60
