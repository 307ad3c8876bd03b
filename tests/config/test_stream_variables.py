"""Environment variables that make a stream another one are part of a run, of its record and of its rerun."""

from __future__ import annotations

from dataclasses import replace

import pytest
from clbench import StreamSpec, hookimpl
from clbench.boards.rerun import rerun_command
from clbench.config import Options, resolve
from clbench.config.runconfig import RunConfig
from clbench.errors import ConfigError
from clbench.plugins import Registry, get_registry
from clbench.plugins.checks import check_spec
from clbench.results import read_record
from clbench.runs import execute
from clbench.submissions import verify
from clbench.testing import tiny_plugin

SEED = "TINY_SEED"
given: dict[str, str] = {}


def deciding() -> dict[str, str]:
    if given.get(SEED) == "wrong":
        raise ConfigError("TINY_SEED is 'wrong'")
    return dict(given)


@pytest.fixture
def registry(monkeypatch, one_thread):
    given.clear()
    monkeypatch.setattr("clbench.testing.doubles.tiny_variables", deciding, raising=False)
    (tiny,) = tiny_plugin.clbench_streams()

    @hookimpl
    def clbench_streams() -> list[StreamSpec]:
        return [replace(tiny, variables="clbench.testing.doubles:tiny_variables")]

    monkeypatch.setattr(tiny_plugin, "clbench_streams", clbench_streams)
    return Registry([*Registry.of(tiny_plugin)._loaded, *get_registry()._loaded])


def plan(registry) -> RunConfig:
    wishes = Options(methods=("zero-shot",), stream="tiny")
    (config,) = resolve(registry, wishes, find_device=lambda name: "cpu")
    return config


def test_another_value_is_another_run(registry):
    plain = plan(registry)
    assert (plain.stream_variables, RunConfig.from_json(plain.as_json())) == ({}, plain)
    keys = {plain.key}
    for value in ("2", "3"):
        given[SEED] = value
        keys.add(plan(registry).key)
    assert len(keys) == 3
    assert RunConfig.from_json(plan(registry).as_json()) == plan(registry)


def test_a_run_without_any_keeps_the_key_it_had(registry):
    config = plan(registry)
    before = {name: value for name, value in config.as_json().items() if name != "stream_variables"}
    assert RunConfig.from_json(before).key == config.key


def test_a_wrong_value_is_told_when_the_run_is_planned(registry):
    given[SEED] = "wrong"
    with pytest.raises(ConfigError, match="TINY_SEED is 'wrong'"):
        plan(registry)


def test_the_record_has_them_and_the_command_sets_them(registry, tmp_path):
    given[SEED] = "2 a"
    config = plan(registry)
    (outcome,) = execute(registry, [config], out=tmp_path)
    record = read_record(outcome.path)
    assert record.config["stream_variables"] == given
    assert "TINY_SEED='2 a' clbench run" in rerun_command(record)
    given[SEED] = "3"
    (other,) = execute(registry, [plan(registry)], out=tmp_path)
    assert other.status == "finished"
    assert other.path != outcome.path
    checks = {check.name: check for check in verify(outcome.path, registry).checks}
    assert checks["data"].outcome == "not checkable"
    assert "TINY_SEED=2 a" in checks["data"].sentence


def test_a_planned_run_is_not_done_in_another_environment(registry, tmp_path):
    given[SEED] = "2"
    config = plan(registry)
    del given[SEED]
    (outcome,) = execute(registry, [config], out=tmp_path)
    assert outcome.status != "finished"
    assert "TINY_SEED was 2" in str(outcome.reason)


def test_a_reference_of_another_form_is_a_mistake(registry):
    spec = replace(registry.streams["tiny"].spec, variables="nothing")
    assert list(check_spec(spec)) == ["its variables 'nothing' is not of the form 'package.module:attribute'"]
