"""Every published row of every plugin resolves to a run, from its preset alone."""

from __future__ import annotations

import shlex
import subprocess
import sys

import pytest
from clbench.cli import main
from clbench.cli.reproduction import run_command
from clbench.config import Options, resolve
from clbench.errors import ConfigError
from clbench.plugins import get_registry
from clbench.reproduction.catalogue import catalogue
from clbench.reproduction.demands import demands_of
from clbench.reproduction.plan import plan_for, published_settings
from clbench.streams.varying import base_name
from click.testing import CliRunner

REGISTRY = get_registry()
ROWS = [row for rows in catalogue(REGISTRY)[0].values() for row in rows]
RUNNABLE = [pytest.param(row, id=row.title) for row in ROWS if not row.claim.incomparable]
HOPELESS = [pytest.param(row, id=row.title) for row in ROWS if row.claim.incomparable]


@pytest.fixture
def no_data(monkeypatch, tmp_path):
    monkeypatch.setenv("CLBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("CLBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.delenv("CLBENCH_MTIL_COUNTS", raising=False)


@pytest.mark.parametrize("row", RUNNABLE)
def test_a_dry_run_says_what_is_run_and_what_it_needs(row, no_data, tmp_path):
    claim = row.claim
    asked = ["reproduce", claim.method, str(row.number), "--dry-run", "--device", "cpu"]
    result = CliRunner().invoke(main, asked, env={"COLUMNS": "400"})
    assert result.exit_code == 0, result.output
    assert result.output.startswith(row.title)
    assert f"clbench run --methods {claim.method} --stream {claim.stream}" in " ".join(result.output.split())
    assert "images of " in result.output.partition("missing")[2]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("row", RUNNABLE)
def test_its_run_is_the_rows(row, no_data):
    claim, preset = row.claim, row.claim.run
    (config,) = plan_for(row, REGISTRY, Options(device="cpu")).configs
    place = (config.method, base_name(config.stream), config.order, config.backbone, config.label_space)
    assert place == (claim.method, claim.stream, claim.order, claim.backbone, claim.label_space)
    assert config.batches == "natural"
    assert config.eval_batch == (preset.eval_batch or 256)
    # Each value is the preset's or the method's own: a row has no settings beside its preset.
    settings, problems = published_settings(REGISTRY, claim)
    assert not problems
    assert config.settings == settings
    assert {name: settings[name] for name in preset.settings} == preset.settings
    chosen = {name for name, source in config.settings_sources.items() if source != "default"}
    assert chosen <= set(preset.settings)


@pytest.mark.parametrize("row", RUNNABLE)
def test_the_command_that_is_shown_is_that_run(row, no_data, tmp_path):
    plan = plan_for(row, REGISTRY, Options(device="cpu", seeds=(3,), out=tmp_path))
    words = shlex.split(run_command(plan, tmp_path))[2:]
    given, assignments = {}, []
    for option, value in zip(words[::2], words[1::2], strict=True):
        if option == "--set":
            assignments.append(value)
        else:
            given[option.removeprefix("--").replace("-", "_")] = value
    options = Options.read({**given, "set": assignments}, "the command")
    assert [config.key for config in resolve(REGISTRY, options)] == [config.key for config in plan.configs]
    assert options.out == tmp_path


@pytest.mark.parametrize("row", RUNNABLE)
def test_it_counts_what_it_takes(row, no_data):
    plan = plan_for(row, REGISTRY, Options(device="cpu"))
    demands = demands_of(plan.configs[0], REGISTRY)
    told = dict(demands.lines)
    assert {"images", "backbone", "disk", "passes"} <= set(told)
    assert all(need.cure for need in demands.needs)
    assert {need.what for need in demands.lacking} >= {"images of aircraft", "images of sun397"}
    coop = any("split" in need.what for need in demands.lacking)
    assert coop == (row.claim.protocol == "coop")
    lacks_reference = any(need.what == "reference images of imagenet" for need in demands.lacking)
    requires = REGISTRY.methods[row.claim.method].spec.requires
    assert lacks_reference == ("reference" in requires)


def test_what_is_needed_is_told_without_anything_heavy():
    code = (
        "import sys; from clbench.plugins import get_registry\n"
        "from clbench.specs import load_reference\n"
        "registry = get_registry()\n"
        "for kind in ('streams', 'datasets', 'backbones', 'generators'):\n"
        "    for found in getattr(registry, kind).values():\n"
        "        if found.spec.needs:\n"
        "            arguments = () if kind in ('backbones', 'generators') else found.spec.arguments\n"
        "            assert list(load_reference(found.spec.needs)(*arguments))\n"
        "print([name for name in ('torch', 'torchvision', 'datasets', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("row", HOPELESS)
def test_a_row_that_nothing_can_be_run_for_says_why(row):
    with pytest.raises(ConfigError, match="cannot be run") as caught:
        plan_for(row, REGISTRY, Options())
    assert caught.value.why == row.claim.incomparable


def test_facts_that_the_stream_has_not_by_itself_are_exchanged(no_data):
    row = next(row for row in ROWS if row.claim.method == "diki" and row.claim.shots == 16)
    assert REGISTRY.streams["mtil-coop-16shot"].spec.facts["draw"] == "coop"
    plan = plan_for(row, REGISTRY, Options(device="cpu"))
    assert plan.configs[0].stream == "mtil-coop-16shot+draw=diki"
    assert plan.foreseen(REGISTRY) == ()


def test_what_makes_it_another_run_is_foreseen(monkeypatch, tmp_path):
    row = next(row for row in ROWS if row.claim.method == "rail" and row.claim.shots == 5)
    assert plan_for(row, REGISTRY, Options(device="cpu")).foreseen(REGISTRY) == (
        "draw of shots is moe, and the source does not state its own",
    )
    zero_shot = next(row for row in ROWS if row.claim.method == "zero-shot")
    assert plan_for(zero_shot, REGISTRY, Options(device="cpu")).foreseen(REGISTRY) == ()
    finetune = next(row for row in ROWS if row.claim.method == "finetune")
    monkeypatch.setenv("CLBENCH_MTIL_COUNTS", "any")
    monkeypatch.setenv("CLBENCH_DATA", str(tmp_path))
    wishes = Options(
        device="cpu", backbone="mini-clip", settings={"finetune": {"iterations": 5, "warmup": 1}}
    )
    foreseen = plan_for(finetune, REGISTRY, wishes).foreseen(REGISTRY)
    assert "backbone is mini-clip, not ViT-B-16.openai" in foreseen
    assert "iterations is 5, not 1000" in foreseen
    assert "the stream is changed by CLBENCH_MTIL_COUNTS=any" in foreseen
