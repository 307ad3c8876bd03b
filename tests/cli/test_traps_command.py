"""``clbench traps``: what is declared, by name, in each format."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from clbench import MethodSpec, Trap, hookimpl
from clbench.cli import main
from clbench.cli.declaring import allowed
from clbench.cli.session import Session
from clbench.errors import ClbenchError, ConfigError
from clbench.plugins import Registry
from clbench.results import load_records
from clbench.testing import tiny_plugin
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
    assert ("sun397-unsorted", "mtil, mtil-5shot") in [(each["id"], each["owner"]) for each in found]
    assert len({each["id"] for each in found}) == len(found)


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


# -- measuring ----------------------------------------------------------------------------------------

RATE = Trap(
    id="small-rate",
    switch="lr",
    published=1e-9,
    intended=3e-2,
    published_says="Nothing is learned.",
    intended_says="Something is learned.",
    source="a paper, Eq. 1",
    given={"iterations": 5},
)
IDLE = Trap(
    id="told-only",
    switch="batch_size",
    published=8,
    intended=4,
    published_says="The code takes eight.",
    intended_says="The paper takes four.",
    source="a paper, section 2",
    unmeasurable="it is for show",
)


class Plugin:
    @hookimpl
    def clbench_methods(self):
        recipe = {"iterations": 2, "warmup": 1, "batch_size": 8, "lr": 1e-9}
        sound = MethodSpec(
            name="sound",
            title="Sound",
            summary="fine-tuning",
            factory="clbench_baselines.finetune:FineTune",
            settings="clbench_baselines.settings:FineTuneSettings",
            tuned={"tiny": recipe},
            traps=(RATE, IDLE),
        )
        return [sound]


@pytest.fixture
def clbench(tmp_path, monkeypatch, clbench_cache):
    monkeypatch.chdir(tmp_path)
    registry = Registry.of(tiny_plugin, Plugin(), distribution="acme", version="1.5")
    return lambda *args: CliRunner().invoke(main, [*map(str, args)], obj=Session(given=registry))


MEASURE = ("traps", "sound", "--measure", "--stream", "tiny", "--seeds", "0,1", "--plain")


def test_both_forms_are_run_once_and_compared(clbench, tmp_path):
    done = clbench(*MEASURE, "--dry-run")
    assert done.exit_code == 0, done.output
    assert "4 runs of 1 methods, of which 0 are recorded in runs" in done.stderr
    assert not (tmp_path / "runs").exists()
    done = clbench(*MEASURE, "--format", "json")
    assert done.exit_code == 0, done.output
    rate, idle = json.loads(done.stdout)
    assert (rate["trap"], rate["given"]) == ("small-rate", {"iterations": 5})
    assert rate["average"]["pairs"] == 2
    assert rate["average"]["difference"] != 0
    assert idle["reason"] == "it is for show"
    records = load_records([Path("runs")]).records
    assert {(r.method.settings["lr"], r.method.settings["iterations"]) for r in records} == {
        (1e-9, 5),
        (3e-2, 5),
    }
    for form, value in (("a", 1e-9), ("b", 3e-2)):
        mean = np.mean([r.metrics.average for r in records if r.method.settings["lr"] == value])
        assert rate["average"][f"{form}_value"] == pytest.approx(mean)
    # The same command again runs nothing, and the same table is read from the records.
    again = clbench(*MEASURE)
    assert "of which 4 are recorded" in again.stderr
    read = clbench("traps", "sound", "--measured", "runs")
    assert again.stdout == read.stdout
    assert "not measured: sound/told-only: it is for show" in read.stdout


def test_settings_of_a_trial_count_in_both_forms(clbench):
    done = clbench(*MEASURE, "--set", "sound.iterations=1", "--out", "trial")
    assert done.exit_code == 0, done.output
    records = load_records([Path("trial")]).records
    assert {r.method.settings["iterations"] for r in records} == {1}
    row = next(line for line in done.stdout.splitlines() if line.startswith("sound/small-rate"))
    assert row.endswith("iterations=1")


def test_the_board_is_of_one_form_and_says_what_is_left_out(clbench):
    assert clbench(*MEASURE).exit_code == 0
    done = clbench("leaderboard", "runs", "--form", "published", "--columns", "method,form")
    assert "left out 2 records that are in another form" in done.output
    assert [line.split()[-1] for line in done.output.splitlines() if line.startswith("sound")] == [
        "published"
    ]
    mixed = clbench("leaderboard", "runs", "--columns", "method,form", "--format", "csv").stdout
    assert "mixed (published; intended: small-rate)\n" in mixed
    shown = clbench("show", "run", next(Path("runs").rglob("record.json"))).output
    assert "sound/small-rate" in shown
    assert "sound/told-only" in shown


def test_a_form_that_fails_is_told_and_stops_nothing(clbench):
    done = clbench(*MEASURE, "--set", "sound.warmup=9")
    assert done.exit_code == 2
    assert "warms up for 9 of 5" in done.output


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--measure"], "some hundred runs"),
        (["sound", "--measure", "--measured", "runs"], "leave one of them out"),
        (["sound", "--measure", "--all"], "measures more than sound"),
        (["sound", "--seeds", "0"], "add --measure"),
        (["--all"], "add --measure"),
        (["sound", "--measured", "nowhere"], "nowhere"),
        (["sound", "--measure", "--stream", "tiny", "--seeds", "x"], "seeds"),
    ],
)
def test_options_that_do_nothing_or_too_much_are_refused(clbench, words, says):
    done = clbench("traps", *words)
    assert done.exit_code != 0
    assert says in done.output


def test_a_document_cannot_run_anything(tmp_path):
    with pytest.raises(ConfigError, match="would run methods"):
        allowed(["traps", "zscl", "--measure"], tmp_path)
    assert allowed(["traps", "zscl", "--format", "md"], tmp_path)
