"""``clbench claims`` and a method's card, from the command line."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from clbench.cli import main
from clbench.cli.session import Session
from clbench.hookspecs import hookimpl
from clbench.methods.settings import Settings
from clbench.plugins import Registry
from clbench.results import write_record
from clbench.specs import MethodSpec
from clbench.testing import tiny_plugin
from clbench.testing.records import make_record
from click.testing import CliRunner
from pydantic import Field

HERE = "clbench_claims_test_plugin"
CLAIMS = """
[common]
row = "Toy"
setting = "toy tasks"
stream = "toy-stream"
protocol = "toy protocol"
order = "default"
label_space = "task"
backbone = "toy-clip"
table = "Table 1"
source = "a paper"
kind = "own"

[[claims]]
method = "toy"
shots = "full"
transfer = 40.2
average = 70.2
last = 80.2

[[claims]]
method = "toy"
shots = 5
last = 60.0

[[claims]]
method = "toy"
shots = "full"
row = "Toy, fast"
preset = "fast"
last = 83.0

[[presets]]
name = "fast"
method = "toy"
stream = "toy-stream"
orders = ["default"]
protocol = "toy protocol"
shots = "full"
origin = "authors"
source = "run.sh"
commit = "github:a/toy abcdef0"
settings = { lr = 0.5 }
"""


class Knobs(Settings):
    lr: float = Field(0.1, gt=0, description="the learning rate")


class Plugin:
    """Two methods with claims, of which one file is broken."""

    @hookimpl
    def clbench_methods(self):
        return [
            MethodSpec(
                name=name,
                title=name.title(),
                summary="a method",
                factory=f"{HERE}:None",
                settings=f"{HERE}:Knobs",
                claims=f"clbench_claims_of_commands:{file}.toml",
            )
            for name, file in (("odd", "broken"), ("toy", "claims"))
        ]


@pytest.fixture
def clbench(monkeypatch, tmp_path):
    """Run a command line in an empty folder, with the plugin above."""
    package = tmp_path / "site" / "clbench_claims_of_commands"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "claims.toml").write_text(CLAIMS)
    (package / "broken.toml").write_text("[[claims]]\nmethod = 3\n")
    monkeypatch.syspath_prepend(package.parent)
    monkeypatch.setitem(sys.modules, HERE, sys.modules[__name__])
    monkeypatch.delitem(sys.modules, package.name, raising=False)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    registry = Registry.of(tiny_plugin, Plugin(), distribution="acme", version="1.5")

    def call(*args):
        return CliRunner().invoke(main, [str(arg) for arg in args], obj=Session(given=registry))

    return call


@pytest.fixture
def records(tmp_path):
    folder = tmp_path / "records"
    write_record(folder / "a", make_record(method="toy"))
    write_record(folder / "b", make_record(method="toy", seed=1))
    # As claimed, typed by hand.
    fast = make_record(method="toy", settings={"lr": 0.5}, sources={"lr": "user"})
    write_record(folder / "c", fast)
    (folder / "d").mkdir()
    (folder / "d" / "record.json").write_text("{}")
    return folder


def statuses(output):
    return {(row["row"], row["shots"]): row["status"] for row in json.loads(output)}


def test_claims_beside_records(clbench, records):
    result = clbench("claims", records)
    assert result.exit_code == 0, result.output
    assert "Reproduced within ± 0.5 points (1)" in result.output
    assert "Last -3.00" in " ".join(result.output.split())
    assert "left out: odd: the claims clbench_claims_of_commands:broken.toml cannot be used" in result.output
    assert "claims[1].method: Input should be a valid string" in result.output
    assert "d/record.json is not a record" in result.output
    found = json.loads(clbench("claims", records, "--format", "json").output)
    assert {(r["row"], r["shots"]): r["status"] for r in found} == {
        ("Toy", "full"): "reproduced",
        ("Toy", "5"): "not comparable",
        ("Toy, fast", "full"): "not reproduced",
    }
    assert [r["seeds"] for r in found if r["row"] == "Toy, fast"] == [1]


def test_tolerance_is_in_points(clbench, records):
    loose = clbench("claims", records, "--tolerance", 3, "-f", "json")
    assert statuses(loose.output)["Toy, fast", "full"] == "reproduced"
    strict = clbench("claims", records, "--tolerance", 0.1, "-f", "json")
    assert statuses(strict.output)["Toy", "full"] == "not reproduced"
    refused = clbench("claims", records, "--tolerance", -1)
    assert refused.exit_code == 2
    assert "no number of points" in refused.output


def test_without_a_folder_of_runs_nothing_was_run(clbench, records, tmp_path):
    assert set(statuses(clbench("claims", "-f", "json").output).values()) == {"never run"}
    (tmp_path / "work" / "runs").symlink_to(records)
    assert "Reproduced" in clbench("claims").output


def test_chosen_methods_alone(clbench, records):
    output = clbench("claims", records, "--methods", "odd").output
    assert output.startswith("no claims")
    assert "broken.toml" in output
    assert "broken.toml" not in clbench("claims", records, "-m", "toy").output
    unknown = clbench("claims", records, "-m", "tay")
    assert unknown.exit_code == 2
    assert "did you mean 'toy'" in unknown.output


def test_settings_of_a_claim_that_a_method_lacks_are_said(clbench, tmp_path, records):
    file = tmp_path / "site" / "clbench_claims_of_commands" / "claims.toml"
    file.write_text(CLAIMS.replace("lr = 0.5", "rate = 0.5"))
    output = clbench("claims", records, "-m", "toy").output
    assert "toy, Toy, fast: unknown setting of toy 'rate'" in output
    assert "Reproduced" in output


def test_missing_paths_are_named(clbench):
    result = clbench("claims", "nowhere")
    assert result.exit_code == 1
    assert "there is nothing at nowhere" in result.output


def test_the_card_has_declared_published_and_measured_parts(clbench, records):
    output = clbench("show", "method", "toy", "--runs", records).output
    for part in ("task identity     not used", "Published", "40.2/70.2/80.2", "Measured: toy-stream, order"):
        assert part in output
    assert "toy (lr=0.5)" in output
    assert "d/record.json is not a record" in output
    document = json.loads(clbench("show", "method", "toy", "--runs", records, "-f", "json").output)
    assert [c["row"] for c in document["claims"]] == ["Toy", "Toy", "Toy, fast"]
    assert sorted((c["run"], c["seeds"]) for c in document["measured"]) == [("toy", 2), ("toy (lr=0.5)", 1)]
    assert "**Published**" in clbench("show", "method", "toy", "-f", "md").output


def test_a_card_without_records_says_how_to_get_them(clbench):
    output = clbench("show", "method", "toy").output
    assert "Measured" not in output
    assert "clbench show method toy --runs PATH" in output


def test_a_card_with_broken_claims_is_still_shown(clbench):
    result = clbench("show", "method", "odd")
    assert result.exit_code == 0
    assert "the learning rate" in result.output
    assert "broken.toml cannot be used" in result.output


def test_records_and_formats_are_for_methods(clbench):
    result = clbench("show", "stream", "tiny", "--format", "json")
    assert result.exit_code == 2
    assert "for methods, not for a stream" in result.output


def test_help_and_claims_import_no_torch():
    code = (
        "import sys; from clbench.cli import main\n"
        "def run(*args):\n"
        "    try:\n        main(list(args))\n    except SystemExit as end:\n        assert not end.code\n"
        "run('claims', '--help')\n"
        "assert not {'pandas', 'torch'} & set(sys.modules)\n"
        "run('claims', '--format', 'json')\n"
        "run('show', 'method', 'zscl')\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
