"""The same samples in the same order from the hub's Parquet files and from the folders."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from clbench.errors import DataError, UnknownNameError
from clbench_cil import folder, hub, testing
from clbench_cil.catalogue import DOMAINS, document, imagenet_wnids
from clbench_cil.stream import build_domainnet, build_increments

WNIDS = imagenet_wnids()[:100]
READERS = {
    "tinyimagenet": (folder.read_tinyimagenet, lambda copies: hub.read_tinyimagenet(copies)),
    "imagenet": (
        lambda root: folder.read_imagenet(root, WNIDS),
        lambda copies: hub.read_imagenet(WNIDS, copies),
    ),
    "domainnet": (
        lambda root: folder.read_domain("sketch", root),
        lambda copies: hub.read_domain("sketch", copies),
    ),
}


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """(data root, folder with clones of the hub's repositories, one with clones that keep no names)"""
    root, clones, nameless = (tmp_path_factory.mktemp(name) for name in ("data", "hub", "nameless"))
    testing.write_tinyimagenet(root, train=2)
    testing.write_imagenet(root, train=12)
    testing.write_domainnet(root, classes=12, train=2)
    for key in READERS:
        testing.write_hub(key, root, clones)
    testing.write_hub("domainnet", root, nameless, named=False)
    return root, clones, nameless


@pytest.fixture(autouse=True)
def _own_caches(monkeypatch, tmp_path, places):
    monkeypatch.setenv("CLBENCH_CIL_COUNTS", "any")
    monkeypatch.setenv("CLBENCH_DATA", str(places[0]))
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path)


@pytest.mark.parametrize("key", sorted(READERS))
def test_both_sources_give_the_same_samples_in_the_same_order(places, key):
    from clbench_mtil.samples import image_set

    root, clones, _ = places
    of_folder, of_hub = READERS[key]
    ours, theirs = of_folder(root), of_hub(clones)
    assert ours.names == theirs.names
    assert theirs.origin == hub.origin(key)
    for part in ("train", "test"):
        one, other = (image_set(found.parts[part], found.names, "RGB", key) for found in (ours, theirs))
        assert one.labels.tolist() == other.labels.tolist()
        assert one.digest == other.digest
        for index in range(0, len(one), 7):
            assert np.array_equal(np.asarray(one.image(index)), np.asarray(other.image(index)))


def test_streams_are_equal_from_either_source(places, monkeypatch):
    _, clones, _ = places
    names = ("tinyimagenet-100-20", "imagenet100-50-5")
    before = [build_increments(name) for name in names] + [build_domainnet()]
    monkeypatch.setenv("CLBENCH_CIL_SOURCE", "hub")
    for reader in ("read_tinyimagenet", "read_imagenet", "read_domain"):
        monkeypatch.setattr(hub, reader, partial(getattr(hub, reader), copies=clones))
    after = [build_increments(name) for name in names] + [build_domainnet()]
    assert [stream.digests for stream in before] == [stream.digests for stream in after]
    assert not before[0].origins
    assert set(after[2].origins) == set(DOMAINS)


def test_a_copy_without_names_is_another_data_set(places, monkeypatch):
    nameless = places[2]
    monkeypatch.setenv("CLBENCH_CIL_SOURCE", "hub")
    monkeypatch.setattr(hub, "read_domain", partial(hub.read_domain, copies=nameless))
    with pytest.raises(DataError, match="cannot be brought into the folder's order") as caught:
        build_domainnet()
    assert "hub-any" in str(caught.value)
    monkeypatch.setenv("CLBENCH_CIL_SOURCE", "hub-any")
    stream = build_domainnet()
    assert stream.meta["source"] == hub.origin("domainnet")
    assert len(stream.tasks[0].train) == 24


def test_nothing_is_fetched_unless_told(monkeypatch):
    import datasets

    monkeypatch.setattr(datasets, "load_dataset", lambda *a, **k: pytest.fail("the hub is asked"))
    for key, (_, of_hub) in READERS.items():
        with pytest.raises(DataError, match="has not been fetched from the hub") as caught:
            of_hub(None)
        assert f"CLBENCH_CIL_SOURCE=hub clbench prepare cil --fetch --only {key}" in str(caught.value)


def test_revisions_are_pinned_and_asked_for(monkeypatch):
    import datasets
    from clbench.cli import main
    from click.testing import CliRunner

    asked = []
    monkeypatch.setenv("CLBENCH_CIL_SOURCE", "hub")
    monkeypatch.setattr(datasets, "load_dataset", lambda *a, **k: asked.append((a, k)) or 1 / 0)
    monkeypatch.setattr("clbench_mtil.hubpreparation.check_room", lambda *_: None)
    for key in READERS:
        entry = document("hub.toml")[key]
        assert len(bytes.fromhex(entry["revision"])) == 20
        dry = CliRunner().invoke(main, ["prepare", "cil", "--fetch", "--dry-run", "--only", key])
        assert dry.exit_code == 0, dry.output
        assert f"{key}, about {entry['gigabytes']:.1f} GB" in dry.output
        result = CliRunner().invoke(main, ["prepare", "cil", "--fetch", "--only", key])
        assert result.exit_code == 1
        assert "cannot be read from the hub" in result.output
        assert asked[-1][0][0] == entry["path"]
        assert asked[-1][1]["revision"] == entry["revision"]
    assert len(asked) == 3


def test_an_unknown_source_is_refused(monkeypatch):
    monkeypatch.setenv("CLBENCH_CIL_SOURCE", "hubb")
    with pytest.raises(UnknownNameError, match="did you mean 'hub'"):
        build_domainnet()
