"""``clbench reproduce`` and ``clbench list claims`` on a small stream that really runs."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
from clbench.cli import main
from clbench.cli.session import Session
from clbench.hookspecs import hookimpl
from clbench.plugins import Registry
from clbench.specs import Need
from clbench.testing import still_plugin, tiny_plugin
from click.testing import CliRunner

NUMBERS = itertools.count()

CLAIMS = """
[common]
method = "still"
row = "Still"
setting = "tiny tasks"
stream = "tiny"
protocol = "tiny"
shots = "any"
label_space = "task"
backbone = "tiny"
table = "Table 1"
source = "a paper"
kind = "own"

[[claims]]
order = "I"
preset = "tiny"
average = {average}
last = 99.9

[[claims]]
order = "II"
average = {average}

[[claims]]
order = "I"
row = "Still, elsewhere"
stream = "nowhere"
last = 50.0
incomparable = "nobody knows on what"

[[presets]]
name = "tiny"
method = "still"
stream = "tiny"
orders = ["I"]
protocol = "tiny"
shots = "full"
usual = true
origin = "authors"
source = "run.sh"
commit = "github:a/still abcdef0"
note = "as it is"
"""


@pytest.fixture
def bench(monkeypatch, tmp_path):
    """Command lines in an empty folder; ``claims`` writes the published figures."""
    name = f"clbench_reproduced_{next(NUMBERS)}"
    package = tmp_path / "site" / name
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(package.parent)
    monkeypatch.setenv("CLBENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    (still,) = still_plugin.clbench_methods()

    class Plugin:
        @hookimpl
        def clbench_methods(self):
            return [replace(still, claims=f"{name}:claims.toml")]

    registry = Registry.of(tiny_plugin, Plugin())

    def call(*args):
        return CliRunner().invoke(
            main, [str(arg) for arg in args], obj=Session(given=registry), env={"COLUMNS": "120"}
        )

    def claims(average=50.0):
        (package / "claims.toml").write_text(CLAIMS.format(average=average))

    claims()
    return SimpleNamespace(call=call, claims=claims)


def average_of(folder):
    (path,) = folder.glob("*/*/record.json")
    return json.loads(path.read_text())["metrics"]["average"]


def test_a_row_is_run_and_each_figure_judged(bench, tmp_path):
    first = bench.call("reproduce", "still", "tiny I", "--plain", "--device", "cpu", "--out", "runs")
    assert first.exit_code == 0, first.output
    average = average_of(tmp_path / "work" / "runs")
    bench.claims(average=round(average, 1))
    again = bench.call("reproduce", "still", 1, "--plain", "--device", "cpu", "--out", "runs")
    assert again.exit_code == 0, again.output
    assert re.search(rf"Average +{average:.1f} +{average:.2f}.* reproduced\n", again.output)
    assert re.search(r"Last +99\.9 +[\d.]+( ± [\d.]+)? +−[\d.]+ +not reproduced\n", again.output)
    assert "not reproduced (± 0.5 points): Last -" in again.output
    assert "the authors' own: run.sh (github:a/still abcdef0)" in again.output
    assert "learning" not in again.output  # nothing is run twice
    (record,) = (tmp_path / "work" / "runs").glob("*/*/record.json")
    assert f"record:  {record.parent.relative_to(tmp_path / 'work')}" in again.output
    told = bench.call("claims", "runs", "-f", "json").output
    assert {row["status"] for row in json.loads(told) if row["order"] == "I"} == {
        "not reproduced",
        "not comparable",
    }


def test_seeds_and_all_rows(bench, tmp_path):
    result = bench.call(
        "reproduce", "still", "--all", "--seeds", "0,1", "--plain", "--device", "cpu", "--out", "elsewhere"
    )
    assert result.exit_code == 0, result.output
    assert "still 1: Tiny, order I" in result.output
    assert "still 2: Tiny, order II" in result.output
    assert "still 3" not in result.output
    seeds = [json.loads(p.read_text())["seed"] for p in (tmp_path / "work").glob("elsewhere/*/*/record.json")]
    assert sorted(seeds) == [0, 0, 1, 1]


def test_a_dry_run_runs_nothing(bench, tmp_path):
    result = bench.call("reproduce", "still", "1", "--dry-run", "--device", "cpu")
    assert result.exit_code == 0
    assert "3 tasks, 72 images to train, 36 to test" in result.output
    assert "36 test images, once; nothing is trained" in result.output
    assert "all of it is in the packages" in result.output
    assert "clbench run --methods still --stream tiny --order I --backbone tiny" in result.output
    assert not list((tmp_path / "work").iterdir())


def test_what_is_not_the_rows_is_said_before_and_after(bench):
    result = bench.call(
        "reproduce", "still", "1", "--backbone", "mini-clip", "--device", "cpu", "--plain", "--dry-run"
    )
    assert result.exit_code == 2  # that backbone is not installed here
    assert "unknown backbone 'mini-clip'" in result.output


def test_a_row_without_a_run_says_why(bench):
    result = bench.call("reproduce", "still", "elsewhere", "--dry-run")
    assert result.exit_code == 2
    assert "nobody knows on what" in result.output


def test_what_is_missing_stops_it_before_it_begins(bench, monkeypatch, tmp_path):
    import clbench.reproduction.demands as demands

    lacking = [
        Need(what="images of dtd", there=False, cure="clbench prepare x --only dtd\nor by hand"),
        Need(what="images of food", there=False, cure="clbench prepare x --only food  (0.5 GB)"),
        Need(what="images of mnist", there=True),
        Need(what="weights", there=False, cure="the hub", comes=True),
    ]
    monkeypatch.setattr(demands, "_told", lambda reference, arguments: iter(lacking))
    result = bench.call("reproduce", "still", "1", "--device", "cpu", "--plain")
    assert result.exit_code == 1
    text = " ".join(result.output.split())
    assert "images of dtd, food clbench prepare x --only dtd,food" in text
    assert "to come weights: the hub" in text
    assert "not started: 2 things are missing" in text
    assert not list((tmp_path / "work").iterdir())


def test_the_rows_are_listed(bench):
    text = bench.call("list", "claims", "still").output
    assert re.search(
        r"still +1 +Tiny, order I +–/50.0/99.9 +tiny +task +tiny \(authors\) +Table 1, own", text
    )
    assert re.search(r"still +3 +nowhere, order I .* cannot be run", text)
    found = json.loads(bench.call("list", "claims", "--format", "json").output)
    assert [(row["method"], row["number"], row["name"]) for row in found] == [
        ("still", 1, "Tiny, order I"),
        ("still", 2, "Tiny, order II"),
        ("still", 3, "nowhere, order I"),
    ]
    assert found[0]["preset"]["source"] == "run.sh"
    assert found[0]["command"] == "clbench reproduce still 1"
    assert found[2]["command"] is None
    assert bench.call("list", "claims", "stil").exit_code == 2
    assert bench.call("list", "methods", "still").exit_code == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["zscl", "1", "--all"], "--all takes all rows of zscl, and '1' names one of them"),
        (["zscl", "1", "--tolerance", "nan"], "nan is no number to compare with"),
        (["zscl", "1", "--tolerance", "-1"], "-1"),
    ],
)
def test_what_cannot_be_meant_is_refused(words, said):
    done = CliRunner().invoke(main, ["reproduce", *words, "--dry-run"])
    assert done.exit_code == 2
    assert said in done.output
