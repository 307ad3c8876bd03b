"""The table in the README is what the command above it prints."""

from __future__ import annotations

import re
from pathlib import Path

from clbench.cli import main
from click.testing import CliRunner

README = Path(__file__).parents[1] / "README.md"


def test_the_table_is_what_its_command_prints():
    text = README.read_text()
    found = re.search(r"<!-- printed by: clbench ([^>]+) -->\n```text\n(.*?)```", text, re.DOTALL)
    assert found is not None
    printed = CliRunner().invoke(main, found[1].split()).output
    assert [line.rstrip() for line in printed.splitlines()] == found[2].splitlines()
