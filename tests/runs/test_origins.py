"""A record says where images are from, and two places of the same images are one benchmark."""

from dataclasses import replace

import pytest
from clbench.config import Options, resolve
from clbench.plugins import Registry, get_registry
from clbench.results import read_record
from clbench.runs import execute
from clbench.runs.sources import RunSources, Sources
from clbench.runs.workbench import Bench, Workbench
from clbench.testing import doubles, tiny_plugin


@pytest.fixture(autouse=True)
def _one_thread(one_thread): ...


def recorded(out):
    registry = Registry([*Registry.of(tiny_plugin)._loaded, *get_registry()._loaded])
    wishes = Options(methods=("zero-shot",), stream="tiny")
    (outcome,) = execute(registry, resolve(registry, wishes, find_device=lambda name: "cpu"), out=out)
    assert outcome.status == "finished", outcome.reason
    return read_record(outcome.path)


def test_the_record_names_the_place_and_the_fingerprint_is_the_same(tmp_path, monkeypatch):
    before = recorded(tmp_path / "one")
    stream = doubles.tiny_stream()
    place = "someone/images at 0123456789abcdef"
    moved = replace(stream, origins={stream.keys[1]: place})
    monkeypatch.setattr(doubles, "tiny_stream", lambda: moved)
    after = recorded(tmp_path / "two")
    assert after.provenance.data == {stream.keys[1]: place}
    assert before.provenance.data == {}
    assert after.fingerprint == before.fingerprint


def test_data_outside_of_the_tasks_have_their_places_too(tmp_path, monkeypatch):
    """Held out images, and reference data once a method has asked for them."""
    held, reference = doubles.tiny_held_out(), doubles.tiny_reference()
    registry = Registry([*Registry.of(tiny_plugin)._loaded, *get_registry()._loaded])
    monkeypatch.setattr(Sources, "held_out", lambda self, name: replace(held, origin="here"))
    config = plan(registry, ("finetune",))
    assert RunSources(Sources(registry), config).origins() == {"tiny-held-out": "here"}
    workbench, config = Workbench(registry), plan(registry, ("zscl",))
    bench = Bench(workbench, config, tmp_path, ("t0", "t1", "t2"))
    assert bench.reference_origin == ""
    workbench._loaded["reference", bench.sources.reference] = replace(reference, origin="there")
    assert bench.reference_origin == "there"
    assert bench.sources.origins(bench.reference_origin) == {
        "tiny-held-out": "here",
        "tiny-reference": "there",
    }


def plan(registry, methods):
    wishes = Options(methods=methods, stream="tiny", held_out=("tiny-held-out",))
    return resolve(registry, wishes, find_device=lambda name: "cpu")[0]
