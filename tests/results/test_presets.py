"""Presets of all plugins: valid for their method, their stream and their source."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from clbench.config import Options, resolve
from clbench.config.presets import claims_document, presets_in, usual_preset
from clbench.config.settings import preset_settings, resolve_settings
from clbench.plugins import get_registry
from clbench.results.claims import NOT_STATED, Claim, read_claims
from clbench.traps.forms import form_of

REGISTRY = get_registry()
METHODS = REGISTRY.methods
REFERENCES = sorted({found.spec.claims for found in METHODS.values() if found.spec.claims})
MINI = sorted((Path(__file__).parents[2] / "leaderboards" / "mini" / "records").glob("*/*-seed0/record.json"))
PRESETS = [
    pytest.param(preset, id=f"{preset.method}-{preset.name}")
    for reference in REFERENCES
    for preset in presets_in(claims_document(reference), reference).values()
]


def test_there_are_presets():
    assert len(PRESETS) > 20
    assert {each.values[0].method for each in PRESETS} >= {
        "zscl",
        "diki",
        "gift",
        "rail",
        "rail-dual",
        "icarl",
    }


@pytest.mark.parametrize("preset", PRESETS)
def test_the_method_takes_its_settings(preset):
    settings, given, problems = preset_settings(METHODS[preset.method], preset)
    assert not problems
    assert {name: settings[name] for name in preset.settings} == preset.settings
    # a plain run on that stream takes them, if this is its usual preset
    assert not (preset.usual and given)


@pytest.mark.parametrize("preset", PRESETS)
def test_it_is_of_a_stream_that_is_there(preset):
    stream = REGISTRY.streams[preset.stream].spec
    assert set(preset.orders) <= set(stream.orders)
    assert preset.protocol == stream.protocol
    assert preset.shots == (stream.shots or "full")
    tasks = {task.key for task in stream.tasks}
    for value in preset.settings.values():
        if isinstance(value, dict):  # by task
            assert set(value) == tasks
    assert {
        n: f for n, f in preset.facts.items() if n != "draw" and f != NOT_STATED
    }.items() <= stream.facts.items()
    assert (preset.facts["draw"] == "all") == (stream.shots is None)


@pytest.mark.parametrize("preset", PRESETS)
def test_it_says_whose_values_these_are(preset):
    if preset.origin == "authors":
        assert re.fullmatch(r"github:\S+/\S+ [0-9a-f]{7,40}|not recorded", preset.commit)
    else:
        assert preset.note or preset.commit


@pytest.mark.parametrize("preset", PRESETS)
def test_it_does_what_the_authors_code_does_or_says_so(preset):
    settings, _, _ = preset_settings(METHODS[preset.method], preset)
    for trap in METHODS[preset.method].spec.traps:
        if trap.where == "setting":
            form, _ = form_of(trap, preset.method, settings)
            assert form in ("published", "off") or trap.id in preset.note or trap.switch in preset.settings


@pytest.mark.parametrize("reference", REFERENCES)
def test_each_is_of_a_claim_and_each_claim_has_one(reference):
    claims = [each for each in read_claims(reference) if isinstance(each, Claim)]
    names = {each.preset for each in claims if each.preset}
    assert names == set(presets_in(claims_document(reference), reference))
    assert all(each.preset for each in claims if not each.incomparable)


@pytest.mark.parametrize("path", MINI, ids=lambda path: "-".join(path.parts[-3:-1]))
def test_a_plain_run_on_mini_is_the_one_on_its_board(path):
    """Presets are of real data: what is recorded of mini is set as it was."""
    record = json.loads(path.read_text(encoding="utf-8"))
    method, stream = record["method"], record["stream"]
    options = Options(methods=(method["name"],), order=stream["order"], device="cpu")
    (config,) = resolve(REGISTRY, options)
    assert {name: config.settings[name] for name in method["settings"]} == method["settings"]
    sources = {name: config.settings_sources[name] for name in method["settings_sources"]}
    assert sources == method["settings_sources"]
    for name in ("stream", "backbone", "generator", "label_space", "eval_batch"):
        assert getattr(config, name) == record["config"][name]


def test_a_plain_run_takes_the_usual_preset():
    few, _, _ = resolve_settings(METHODS["moe-adapters"], "mtil-5shot", {})
    full, _, _ = resolve_settings(METHODS["moe-adapters"], "mtil", {})
    assert (few["iterations"], few["threshold"], few["rates"]["food"]) == (500, 0.0585, 0.01)
    assert (full["iterations"], full["threshold"], full["rates"]["food"]) == (1000, 0.0655, 0.001)


def test_what_the_authors_ran_is_told_from_the_defaults():
    for method in ("rail", "rail-dual"):
        there, sources, _ = resolve_settings(METHODS[method], "x-tail", {})
        plain, _, _ = resolve_settings(METHODS[method], "mini", {})
        assert (there["fusion"], there["augment"], sources["fusion"]) == (0.8, True, "tuned")
        assert (plain["fusion"], plain["augment"]) == (0.9, False)


def test_values_for_a_stream_go_before_its_preset():
    spec = METHODS["gift"].spec
    assert usual_preset(spec, "mini") is None
    assert usual_preset(spec, "mtil").name == "MTIL"
