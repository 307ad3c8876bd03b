"""What documents show as printed is what their commands print, typed one after the other."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_SPEC = importlib.util.spec_from_file_location("typed", ROOT / "leaderboards" / "typed.py")
typed = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(typed)


def outputs(text):
    return [step["output"] for step in typed.STEP.finditer(text) if step["output"] and not step["mark"]]


@pytest.mark.parametrize("name", sorted(typed.DOCUMENTS))
def test_a_document_shows_what_is_printed(name, tmp_path):
    assert typed.DOCUMENTS[name](tmp_path) == (ROOT / name).read_text(), "python leaderboards/typed.py"


def test_there_is_something_to_type():
    (marked,) = typed.MARKED.findall((ROOT / "README.md").read_text())
    assert len(outputs(marked)) == 9
    assert len(outputs((ROOT / "docs" / "publishing.md").read_text())) == 5


def test_another_output_is_found(tmp_path):
    text = "```console\n$ echo gift\n```\n\n```text\ngift\n```\n"
    assert typed.typed(text, tmp_path) == text
    assert typed.typed(text.replace("text\ngift", "text\nzscl"), tmp_path) == text
    left = f"<!-- no test: why -->\n{text.replace('echo', 'no such command')}"
    assert typed.typed(left, tmp_path) == left
