"""A record says where images are from, and two places of the same images are one benchmark."""

from dataclasses import replace

import pytest
from clbench.config import Options, resolve
from clbench.plugins import Registry, get_registry
from clbench.results import read_record
from clbench.runs import execute
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
    bench = Bench(Workbench(registry), plan(registry, ("finetune",)), tmp_path)
    monkeypatch.setattr(Workbench, "held_out", lambda self, name: replace(held, origin="here"))
    assert bench.origins() == {"tiny-held-out": "here"}
    name = bench.stream_spec.reference
    asking = Bench(Workbench(registry), plan(registry, ("zscl",)), tmp_path)
    assert asking.origins() == {"tiny-held-out": "here"}
    asking._workbench._loaded["reference", name] = replace(reference, origin="there")
    assert asking.origins() == {"tiny-held-out": "here", name: "there"}


def plan(registry, methods):
    wishes = Options(methods=methods, stream="tiny", held_out=("tiny-held-out",))
    return resolve(registry, wishes, find_device=lambda name: "cpu")[0]
