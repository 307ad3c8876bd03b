"""``clbench traps``: what is declared, by name, in each format."""

from __future__ import annotations

import json

import pytest
from clbench.cli import main
from clbench.errors import ClbenchError
from click.testing import CliRunner


def run(*arguments):
    return CliRunner().invoke(main, ["traps", *arguments], standalone_mode=False)


def printed(*arguments):
    result = run(*arguments)
    assert result.exception is None, result.exception
    return result.stdout


def test_a_listing_has_a_line_for_each_trap():
    lines = printed().splitlines()
    assert any(line.split()[:2] == ["icarl/memory-exceeded", "newest"] for line in lines)
    assert any("diki/constant-512" in line and "published; intended on mini" in line for line in lines)


def test_a_method_is_told_in_sentences_with_its_sources():
    text = printed("diki/batch-vote")
    assert text.startswith("diki/batch-vote\n  published  inference=batch_vote: All images")
    assert "lloongx/DIKI (commit 8ef89e7)" in text
    assert "constant-512" not in text


def test_json_has_all_and_markdown_all_sentences():
    found = json.loads(printed("--format", "json"))
    assert len({each["id"] for each in found if each["where"] != "fixed"}) >= 25
    for each in found:
        assert each["source"]
        assert each["measurable" if "measurable" in each else "unmeasurable"] is not None
    markdown = printed("zscl", "--format", "md")
    assert "l2=1.0: The loss has the squared distance" in markdown


def test_a_trap_of_several_streams_is_listed_once():
    found = json.loads(printed("mtil", "mtil-5shot", "-f", "json"))
    assert [(each["id"], each["owner"]) for each in found] == [("sun397-unsorted", "mtil, mtil-5shot")]


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["zcsl"], "zscl"),
        (["zscl/l2"], "l2-in-the-loss"),
        (["finetune"], "declares no traps"),
    ],
)
def test_a_wrong_name_is_told_with_what_there_is(names, says):
    error = run(*names).exception
    if isinstance(error, ClbenchError):
        assert says in str(error)
    else:
        result = CliRunner().invoke(main, ["traps", *names])
        assert result.exit_code != 0
        assert says in result.stderr
