"""The tables in the README are what the commands above them print."""

from __future__ import annotations

import re
from pathlib import Path

from clbench.cli import main
from click.testing import CliRunner

README = Path(__file__).parents[1] / "README.md"


def test_tables_are_what_their_commands_print():
    text = README.read_text()
    found = re.findall(r"<!-- printed by: clbench ([^>]+) -->\n```text\n(.*?)```", text, re.DOTALL)
    assert len(found) == 2
    for command, table in found:
        printed = CliRunner().invoke(main, command.split()).output
        assert [line.rstrip() for line in printed.splitlines()] == table.splitlines()


def test_variables_and_streams_are_there():
    from clbench_cil.variants import specs

    text = README.read_text()
    names = re.findall(r"`(tinyimagenet|imagenet|domainnet)([\d-]*)`", text)
    known = {spec.name for spec in specs()}
    assert {"".join(name) for name in names} <= known
    code = "".join(path.read_text() for path in (README.parent / "src").rglob("*.py"))
    assert set(re.findall(r"CLBENCH_\w+", text)) - {"CLBENCH_DATA"} <= set(re.findall(r"CLBENCH_\w+", code))
