"""Tables in the documents are what the command above them prints from the records that are kept here."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_SPEC = importlib.util.spec_from_file_location("update", ROOT / "leaderboards" / "update.py")
update = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(update)

DECLARED = [table for table in update.TABLES if table not in update.OWN]


# What `clbench mini report` measures anew may differ in the last digit from machine to machine.
@pytest.mark.parametrize("table", DECLARED, ids=lambda table: table.name)
def test_a_table_is_what_its_command_prints(table):
    assert update.printed(table) == update.shown(table)


def test_every_place_for_a_table_in_a_document_is_declared():
    declared = {(table.document, table.name) for table in update.TABLES}
    documents = [path for path in ROOT.rglob("*.md") if not {".venv", "node_modules"} & {*path.parts}]
    found = {
        (path.relative_to(ROOT).as_posix(), name)
        for path in documents
        for name in re.findall("^<!-- table: (.*) -->$", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert found == declared


def test_every_column_is_documented():
    from clbench.boards.tables.columns import FIELDS

    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", (ROOT / "docs/tables.md").read_text(), re.MULTILINE)
    assert {name: about for name, about in rows if name in FIELDS} == {n: f.about for n, f in FIELDS.items()}
