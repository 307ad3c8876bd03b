"""What a tracking service is told, seen by one that keeps everything."""

import logging

import pytest
from clbench import TrackerSpec, hookimpl
from clbench.cli import main
from clbench.cli.session import Session
from clbench.errors import ConfigError, PluginError
from clbench.plugins import Registry
from clbench.results import read_record
from clbench.testing import tiny_plugin
from clbench.testing.tracked import play_run
from clbench.trackers import RunTracker
from click.testing import CliRunner

HERE = __name__
SERVICE: dict = {}
BROKEN: list[str] = []


class Memory(RunTracker[str]):
    def known(self, run):
        return run.run_id in SERVICE

    def open(self, run, params, step):
        SERVICE.setdefault(run.run_id, {"params": params, "steps": {}, "end": None})
        SERVICE[run.run_id]["opened at"] = step
        return run.run_id

    def log(self, handle, step, figures):
        if BROKEN:
            raise OSError("the service is away")
        SERVICE[handle]["steps"].setdefault(step, {}).update(figures)

    def close(self, handle, status, reason, summary, files):
        SERVICE[handle]["end"] = (status, reason, dict(summary), [file.name for file in files])


class Late(Memory):
    """Its service is away when a run begins."""

    @hookimpl
    def clbench_run_started(self, event):
        """Open nothing, as if that had failed."""


def start(out):
    return Memory(out)


def late(out):
    return Late(out)


def refuse(out):
    raise ConfigError("no key", fix="log in")


def stumble(out):
    raise RuntimeError("no such server")


def nothing(out):
    return object()


class Plugin:
    @hookimpl
    def clbench_trackers(self):
        return [
            TrackerSpec(name=name, title=name, summary="for tests", factory=f"clbench_tracker_test:{name}")
            for name in ("start", "late", "refuse", "stumble", "nothing")
        ]


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    import sys
    import types

    module = types.ModuleType("clbench_tracker_test")
    vars(module).update(start=start, late=late, refuse=refuse, stumble=stumble, nothing=nothing)
    monkeypatch.setitem(sys.modules, "clbench_tracker_test", module)
    SERVICE.clear()
    BROKEN.clear()


@pytest.fixture
def registry():
    return Registry.of(tiny_plugin, Plugin())


def the_run():
    (run,) = SERVICE.values()
    return run


def test_a_whole_run(registry, tmp_path):
    record = play_run("start", tmp_path, registry=registry)
    run = the_run()
    assert run["params"] == {"method": "toy", "seed": 0, "settings.lr": 0.1, "settings.layers": "a, b"}
    assert run["steps"][0] == {
        "accuracy/t0": 50,
        "accuracy/t1": 50,
        "accuracy/t2": 50,
        "mean/all": 50,
        "mean/unlearned": 50,
    }
    assert run["steps"][2] == {
        "accuracy/t0": 70,
        "accuracy/t1": 90,
        "accuracy/t2": 20,
        "mean/all": 60,
        "mean/learned": 80,
        "mean/unlearned": 20,
        "seconds/learn": 2,
        "seconds/test": 1,
    }
    assert "mean/unlearned" not in run["steps"][3]
    status, reason, summary, files = run["end"]
    assert (status, reason, files) == ("finished", "", ["record.json"])
    assert summary == record.metrics.model_dump()


def test_a_run_that_goes_on_is_continued(registry, tmp_path):
    play_run("start", tmp_path, registry=registry, stop=2, ending="killed")
    before = dict(the_run()["steps"])
    play_run("start", tmp_path, registry=registry, start=2)
    run = the_run()
    assert run["opened at"] == 2
    assert sorted(run["steps"]) == [0, 1, 2, 3]
    assert {step: run["steps"][step] for step in before} == before
    assert run["end"][0] == "finished"


@pytest.mark.parametrize("how", [{"start": 2}, {"ending": "cached"}])
def test_what_was_recorded_before_tracking_is_written_too(registry, tmp_path, how):
    play_run("start", tmp_path, registry=registry, **how)
    run = the_run()
    assert sorted(run["steps"]) == [0, 1, 2, 3]
    assert run["steps"][1]["accuracy/t0"] == 80
    assert run["end"][0] == "finished"


@pytest.mark.parametrize("ending", ["finished", "failed"])
def test_a_run_that_began_while_the_service_was_away_is_written_at_its_end(registry, tmp_path, ending):
    play_run("late", tmp_path, registry=registry, stop=2 if ending == "failed" else 3, ending=ending)
    run = the_run()
    assert sorted(run["steps"]) == ([0, 1, 2] if ending == "failed" else [0, 1, 2, 3])
    assert run["end"][0] == ending
    assert run["params"]["settings.lr"] == 0.1


def test_a_finished_run_that_the_service_has_is_not_written_again(registry, tmp_path):
    play_run("start", tmp_path, registry=registry)
    the_run()["steps"].clear()
    play_run("start", tmp_path, registry=registry, ending="cached")
    assert not the_run()["steps"]


def test_a_failed_run_says_why(registry, tmp_path):
    play_run("start", tmp_path, registry=registry, stop=1, ending="failed")
    assert the_run()["end"][:2] == ("failed", "NotFiniteError: loss is nan")


def test_a_service_that_is_away_is_logged_and_the_test_kit_says_so(registry, tmp_path, caplog):
    BROKEN.append("yes")
    with caplog.at_level(logging.WARNING), pytest.raises(OSError, match="the service is away"):
        play_run("start", tmp_path, registry=registry)
    assert "track start" in caplog.text
    assert "failed with OSError: the service is away; the run goes on" in caplog.text
    assert caplog.text.count("Traceback") == 1  # however often it is away


def test_a_tracker_that_cannot_start_stops_before_the_run(registry, tmp_path):
    with pytest.raises(ConfigError, match="no key"):
        registry.tracked(["refuse"], tmp_path)
    with pytest.raises(PluginError, match=r"cannot be started.*\n.*no such server"):
        registry.tracked(["stumble"], tmp_path)
    with pytest.raises(PluginError, match="is broken"):
        registry.tracked(["nothing"], tmp_path)


def run_command(registry, *words):
    return CliRunner().invoke(main, ["run", *words], obj=Session(registry), catch_exceptions=False)


def test_the_command_tracks_only_when_asked_and_changes_nothing(tmp_path):
    from clbench.plugins import get_registry

    installed = get_registry()
    registry = Registry([*Registry.of(tiny_plugin, Plugin())._loaded, *installed._loaded])
    words = ("--methods", "zero-shot", "--stream", "tiny", "--plain", "--device", "cpu")
    assert run_command(registry, *words, "--out", str(tmp_path / "a")).exit_code == 0
    assert not SERVICE
    assert run_command(registry, *words, "--out", str(tmp_path / "b"), "--track", "start").exit_code == 0
    assert sorted(the_run()["steps"]) == [0, 1, 2, 3]
    (a,), (b,) = (list((tmp_path / x).glob("*/*/record.json")) for x in "ab")
    assert read_record(a).run_id == read_record(b).run_id
    assert read_record(a).matrices == read_record(b).matrices
    BROKEN.append("yes")
    assert run_command(registry, *words, "--out", str(tmp_path / "d"), "--track", "start").exit_code == 0
    result = run_command(registry, *words, "--out", str(tmp_path / "c"), "--track", "strat")
    assert result.exit_code != 0
    assert "did you mean 'start'" in result.output
