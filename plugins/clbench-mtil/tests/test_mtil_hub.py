"""The same samples in the same order from the hub's Parquet files and from torchvision's layout."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from clbench.errors import ConfigError, DataError
from clbench_mtil import folder, hub, testing
from clbench_mtil.catalogue import document
from clbench_mtil.incremental import build as build_incremental
from clbench_mtil.stream import build_task, find_source
from clbench_mtil.variants import VARIANTS

KEYS = tuple(document("hub.toml"))


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """(folder in torchvision's layout, folder with clones of the hub's repositories)"""
    root, clones = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("hub")
    testing.write_all(root, keys=KEYS)
    with testing.accepted(root):
        for key in KEYS:
            testing.write_hub(key, root, clones)
        yield root, clones


@pytest.fixture(autouse=True)
def _partial(monkeypatch, tmp_path):
    monkeypatch.setenv("CLBENCH_MTIL_COUNTS", "any")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path))
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path)


@pytest.mark.parametrize("stream", ["mtil", "mtil-5shot", "mtil-coop"])
@pytest.mark.parametrize("key", KEYS)
def test_both_sources_give_the_same_samples(places, key, stream):
    root, clones = places
    sources = (lambda k: folder.read(k, root), partial(hub.read, copies=clones))
    ours, theirs = (build_task(key, VARIANTS[stream], source, root) for source in sources)
    assert ours.classes == theirs.classes
    for part in ("train", "test", "validation"):
        a, b = getattr(ours, part), getattr(theirs, part)
        if a is None:
            assert b is None
            continue
        assert np.array_equal(a.labels, b.labels)
        for index in range(len(a)):
            one, other = a.image(index), b.image(index)
            assert one.mode == other.mode
            assert np.array_equal(np.asarray(one), np.asarray(other))


def test_revisions_are_pinned_to_commits():
    for entry in document("hub.toml").values():
        assert len(entry["revision"]) == 40
        int(entry["revision"], 16)


def test_the_revision_is_asked_for(monkeypatch):
    import datasets

    asked = []
    monkeypatch.setattr(datasets, "load_dataset", lambda *a, **k: asked.append((a, k)) or 1 / 0)
    with pytest.raises(DataError, match="MNIST cannot be read from the hub"):
        hub.read("mnist")
    (place, config), options = asked[0]
    assert (place, config) == ("ylecun/mnist", "mnist")
    assert options["revision"] == document("hub.toml")["mnist"]["revision"]


def test_hub_is_asked_only_for_what_it_has(monkeypatch, tmp_path):
    monkeypatch.setenv("CLBENCH_MTIL_SOURCE", "hub")
    monkeypatch.setattr(hub, "read", lambda key: f"hub {key}")
    monkeypatch.setattr(folder, "read", lambda key, root: f"folder {key}")
    source = find_source(tmp_path)
    assert (source("mnist"), source("dtd")) == ("hub mnist", "folder dtd")
    monkeypatch.delenv("CLBENCH_MTIL_SOURCE")
    assert find_source(tmp_path)("mnist") == "folder mnist"
    monkeypatch.setenv("CLBENCH_MTIL_SOURCE", "hubb")
    with pytest.raises(ConfigError, match="did you mean 'hub'"):
        find_source(tmp_path)("dtd")


def test_class_incremental_from_the_hub(monkeypatch, tmp_path):
    testing.write("cifar100", tmp_path, None)
    with testing.accepted(tmp_path):
        testing.write_hub("cifar100", tmp_path, tmp_path / "hub")
    monkeypatch.setenv("CLBENCH_MTIL_SOURCE", "hub")
    monkeypatch.setattr(hub, "read", partial(hub.read, copies=tmp_path / "hub"))
    task = build_incremental("50").tasks[0]
    assert task.classes == ("thing 87", "thing 0")
    for index, label in enumerate(task.test.labels):
        assert task.test.image(index).getpixel((16, 16)) == testing.colour("cifar100", (87, 0)[label])
