"""The table in the README is what the command above it prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from clbench.cli import main
from clbench_mtil.variants import VARIANTS
from click.testing import CliRunner

README = Path(__file__).parents[1] / "README.md"
PUBLISHED = Path(__file__).parents[4] / "shared/design/protocol.md"


def test_the_table_is_what_its_command_prints():
    text = README.read_text()
    found = re.search(r"<!-- printed by: clbench ([^>]+) -->\n```text\n(.*?)```", text, re.DOTALL)
    assert found is not None
    printed = CliRunner().invoke(main, found[1].split()).output
    assert [line.rstrip() for line in printed.splitlines()] == found[2].splitlines()


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the list of facts is not beside the repository")
@pytest.mark.parametrize("stream", ["mtil", "mtil-coop"])
def test_the_table_is_that_of_the_published_protocol(stream):
    """Sizes, splits, rates and numbers of templates, from the lists of the protocol's facts."""
    shown = {task.key: task for task in VARIANTS[stream].spec().tasks}
    listed = PUBLISHED.read_text(encoding="utf-8")
    if stream == "mtil":
        rows = re.findall(
            r"^\| (.+?) \|$", listed[listed.index("### 1.1") : listed.index(" Total 1,201")], re.M
        )
        cells = [[cell.strip() for cell in row.split(" | ")] for row in rows[1:]]
        assert len(cells) == 11
        for title, classes, train, test, how, rate, templates in cells:
            task = shown[title.partition(" ")[0].lower()]
            assert task.classes == int(classes)
            assert task.train == number(train)
            assert task.test == number(test)
            assert task.rate_scale == float(rate) / 1e-5
            assert task.templates == number(templates)
            assert task.split.split()[0].strip(",") == ("official" if "official" in how else "80/20")
        assert sum(task.classes * task.templates for task in shown.values()) == 8648
        return
    text = listed[listed.index("### 1.2") : listed.index("### 1.3")]
    found = re.findall(r"([A-Z][A-Za-z0-9]+)(?: and MNIST)? ~?([\d,]+)/~?([\d,]+)/([\d,]+)", text)
    names = {"oxfordpets": "oxfordpet", "food101": "food"}
    assert len(found) == 11
    for title, *sizes in found:
        task = shown[names.get(title.lower(), title.lower())]
        assert [task.train, task.validation, task.test] == [number(size) for size in sizes]


def number(text: str) -> int:
    """The first number of a cell."""
    return int(re.match(r"[\d,]+", text)[0].replace(",", ""))
