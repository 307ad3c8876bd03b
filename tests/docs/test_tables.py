"""Tables in the documents are what the command above them prints from the records that are kept here."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_SPEC = importlib.util.spec_from_file_location("update", ROOT / "leaderboards" / "update.py")
update = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(update)

BLOCKS = [
    (name, block["arguments"], block["body"].strip().removeprefix("```text\n").removesuffix("\n```"))
    for name in update.DOCUMENTS
    for block in update.BLOCK.finditer((ROOT / name).read_text())
]


# What `clbench mini report` measures anew may differ in the last digit from machine to machine.
@pytest.mark.parametrize(
    ("arguments", "body"),
    [(a, b) for _, a, b in BLOCKS if a.startswith("leaderboard")],
    ids=[f"{n} {a}" for n, a, _ in BLOCKS if a.startswith("leaderboard")],
)
def test_a_table_is_what_its_command_prints(arguments, body):
    assert update.printed(arguments) == body


def test_every_document_has_tables():
    assert {name for name, _, _ in BLOCKS} == set(update.DOCUMENTS)


def test_a_changed_digit_is_found():
    _, arguments, body = next(block for block in BLOCKS if block[1].startswith("leaderboard"))
    text = f"<!-- made by: clbench {arguments} -->\n\n{body}1\n\n<!-- end -->\n"
    assert update.updated(text) != text


def test_every_column_is_documented():
    from clbench.boards.tables.columns import FIELDS

    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", (ROOT / "docs/tables.md").read_text(), re.MULTILINE)
    assert {name: about for name, about in rows if name in FIELDS} == {n: f.about for n, f in FIELDS.items()}
