"""The rows that docs/reproduce.md shows are those that its words find."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from clbench.cli import main
from click.testing import CliRunner

PAGE = Path(__file__).parents[2] / "docs" / "reproduce.md"
COMMANDS = [
    line.removeprefix("$ ")
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("$ clbench reproduce ")
]


def test_there_are_commands():
    assert len(COMMANDS) >= 6


@pytest.mark.parametrize("command", COMMANDS)
def test_each_finds_its_row(command, monkeypatch, tmp_path):
    monkeypatch.setenv("CLBENCH_DATA", str(tmp_path))
    words = shlex.split(command)[1:]
    if "--backbone" in words:  # a file of the reader's
        at = words.index("--backbone")
        del words[at : at + 2]
    if "cuda" in words:
        words[words.index("cuda")] = "cpu"
    result = CliRunner().invoke(main, [*words, *([] if "--dry-run" in words else ["--dry-run"])])
    assert result.exit_code == 0, result.output
    assert "MTIL, order" in result.output.splitlines()[0]
    for title in ("printed", "preset", "protocol", "settings", "command", "images", "passes", "missing"):
        assert any(line.startswith(title) for line in result.output.splitlines())
