"""Weights in a file of the user's are compared where the file is, and said not to be checkable elsewhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
from clbench.config import Options, resolve
from clbench.plugins import Registry, get_registry
from clbench.results import read_record
from clbench.runs import execute
from clbench.submissions import weightscheck
from clbench.submissions.weightscheck import check_weights
from clbench.testing import tiny_plugin


@pytest.fixture(scope="module")
def registry():
    return Registry([*Registry.of(tiny_plugin)._loaded, *get_registry()._loaded])


@pytest.fixture(scope="module")
def recorded(registry, tmp_path_factory):
    wishes = Options(methods=("zero-shot",), stream="tiny")
    configs = resolve(registry, wishes, find_device=lambda name: "cpu")
    (outcome,) = execute(registry, configs, out=tmp_path_factory.mktemp("runs"))
    return read_record(outcome.path)


@pytest.fixture
def file(tmp_path, registry, monkeypatch):
    """A file that holds the weights of the tiny backbone, as far as its finder says."""
    path = tmp_path / "mine.pt"
    path.write_bytes(b"weights")
    tiny = registry.find("backbone", "tiny")

    def find(_registry, name):
        assert name == f"tiny:{path}"
        called = "tiny" if path.read_bytes() == b"weights" else "tiny.mine-01234567"
        return replace(tiny, spec=replace(tiny.spec, name=called))

    monkeypatch.setattr(weightscheck, "find_backbone", find)
    return path


def check(record, registry, name):
    return check_weights(record.evolve(config={**record.config, "backbone_file": name}), registry)


def test_they_are_compared_where_the_file_is(recorded, registry, file):
    assert check(recorded, registry, f"tiny:{file}").outcome == "passed"
    other = recorded.backbone.model_copy(update={"weights_digest": "0" * 64})
    found = check(recorded.evolve(backbone=other), registry, f"tiny:{file}")
    assert found.outcome == "failed"
    assert "weights_digest" in found.details[0]


def test_other_weights_of_that_name_are_not_held_against_it(recorded, registry, file):
    file.write_bytes(b"others")
    found = check(recorded, registry, f"tiny:{file}")
    assert found.outcome == "not checkable"
    assert "mine.pt is tiny.mine-01234567 here, and tiny in the record" in found.sentence


@pytest.mark.parametrize("folder", ["/home/somebody", "C:\\\\models"])
def test_a_file_that_is_not_here_is_named_without_its_folder(recorded, registry, folder):
    found = check(recorded, registry, f"tiny:{folder}/mine.pt")
    assert found.outcome == "not checkable"
    assert "own file mine.pt, which is not here" in found.sentence
    assert "somebody" not in found.sentence
