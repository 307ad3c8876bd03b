"""The same samples in the same order from the hub's Parquet files and from torchvision's layout."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from clbench.errors import ConfigError, DataError
from clbench_mtil import folder, hub, testing
from clbench_mtil.catalogue import KEYS, data_set
from clbench_mtil.hubcopies import OTHERS, hub_copy
from clbench_mtil.incremental import build as build_incremental
from clbench_mtil.stream import build, build_task, find_source
from clbench_mtil.variants import VARIANTS

README = Path(__file__).parents[1] / "README.md"
NAMED = [key for key in KEYS if not hub_copy(key).arrays]


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """(folder in torchvision's layout, folder with clones of the hub's repositories)"""
    root, clones = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("hub")
    testing.write_all(root)
    with testing.accepted(root):
        for key in KEYS:
            testing.write_hub(key, root, clones)
        yield root, clones


@pytest.fixture(scope="module")
def nameless(places, tmp_path_factory):
    """Clones of copies that keep no file names."""
    root, _ = places
    clones = tmp_path_factory.mktemp("nameless")
    for key in ("caltech101", "dtd", "eurosat"):
        testing.write_hub(key, root, clones, names=False)
    return root, clones


@pytest.fixture(autouse=True)
def _partial(monkeypatch, tmp_path):
    monkeypatch.setenv("CLBENCH_MTIL_COUNTS", "any")
    monkeypatch.setenv("CLBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path)


@pytest.mark.parametrize("stream", ["mtil", "mtil-coop"])
@pytest.mark.parametrize("key", KEYS)
def test_both_sources_give_the_same_samples(places, key, stream):
    root, clones = places
    sources = (lambda k: folder.read(k, root), hub.HubSource(clones))
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
        assert a.digest == b.digest


@pytest.mark.parametrize("stream", ["mtil", "mtil-coop"])
def test_a_record_says_the_commit_and_the_stream_is_the_same(places, monkeypatch, stream):
    root, clones = places
    monkeypatch.setenv("CLBENCH_DATA", str(root))
    from_folder = build(stream)
    monkeypatch.setenv("CLBENCH_MTIL_SOURCE", "hub")
    for name in ("read", "files"):
        monkeypatch.setattr(hub, name, partial(getattr(hub, name), copies=clones))
    monkeypatch.setattr(hub, "origin", lambda copy, copies: f"{copy.path} at {copy.revision}")
    from_hub = build(stream)
    assert from_hub.digests == from_folder.digests
    assert from_hub.origins["eurosat"] == "timm/eurosat-rgb at b4e28552cd5f3932b6abc37eb20d3e84901ad728"
    assert set(from_hub.origins) == set(KEYS)
    assert from_folder.origins == {}


@pytest.mark.parametrize("key", sorted({"caltech101", "eurosat", "sun397"}))
def test_a_split_by_index_is_torchvisions(places, key):
    """The whole set comes in the order of torchvision's index, whatever that of the copy."""
    from torchvision.datasets import Caltech101, EuroSAT

    root, clones = places
    found = hub.read(key, clones).parts["all"]
    if key == "caltech101":
        data = Caltech101(root)
        listed = [(data.categories[y], f"image_{i:04}.jpg") for y, i in zip(data.y, data.index, strict=True)]
        assert list(found.labels) == data.y
    elif key == "eurosat":
        listed = [tuple(path.split("/")[-2:]) for path, _ in EuroSAT(root).samples]
    else:
        listed = [tuple(str(path).split("/")[-2:]) for path in sorted((root / "SUN397").rglob("*.jpg"))]
    assert [tuple(found.names[i].split("/")[-2:]) for i in found.images] == listed


def test_a_copy_without_names_is_another_data_set(nameless, monkeypatch):
    root, clones = nameless
    monkeypatch.setenv("CLBENCH_DATA", str(root))
    monkeypatch.setenv("CLBENCH_MTIL_SOURCE", "hub")
    monkeypatch.setattr(hub, "read", partial(hub.read, copies=clones))
    source = find_source(root)
    for key in ("caltech101", "dtd", "eurosat"):
        with pytest.raises(DataError, match="cannot be brought into torchvision's order") as caught:
            source(key)
        assert "CLBENCH_MTIL_SOURCE=hub-any" in caught.value.fix
    assert source.meta == {}
    monkeypatch.setenv("CLBENCH_MTIL_SOURCE", "hub-any")
    ours = build_task("eurosat", VARIANTS["mtil"], lambda key: folder.read(key, root), root)
    theirs = build_task("eurosat", VARIANTS["mtil"], source, root)
    assert (len(theirs.train), len(theirs.test)) == (len(ours.train), len(ours.test))
    assert theirs.test.digest != ours.test.digest
    assert "the copy's own order" in source.meta["other_data"]["eurosat"]


def test_coops_splits_need_names(nameless, monkeypatch):
    root, clones = nameless
    with pytest.raises(DataError, match="cannot be divided as CoOp's splits do") as caught:
        build_task("dtd", VARIANTS["mtil-coop"], hub.HubSource(clones), root)
    assert "keeps no file names" in caught.value.why


def test_an_image_of_coops_split_that_the_copy_lacks_is_named(places, tmp_path):
    root, clones = places
    split = (root / "dtd/dtd" / data_set("dtd").split).read_text().replace("banded_0001", "banded_9999")
    (tmp_path / "dtd").mkdir()
    (tmp_path / "dtd" / data_set("dtd").split).write_text(split)
    with pytest.raises(DataError, match=r"1 images of CoOp's split of DTD") as caught:
        build_task("dtd", VARIANTS["mtil-coop"], hub.HubSource(clones), tmp_path)
    assert "banded/banded_9999.jpg" in caught.value.why


def test_names_that_are_not_torchvisions_are_no_names(places, tmp_path, monkeypatch):
    """A copy that numbers its images anew must not pass for the official files."""
    _, clones = places
    own = tmp_path / "own.toml"
    own.write_text("[flowers]\nnamed = 'image_\\d{4}\\.jpg'\n")
    monkeypatch.setenv("CLBENCH_MTIL_HUB", str(own))
    with pytest.raises(DataError, match="cannot be brought into torchvision's order"):
        hub.read("flowers", clones)


def test_other_classes_are_an_error(places, tmp_path, monkeypatch):
    _, clones = places
    monkeypatch.delenv("CLBENCH_MTIL_COUNTS")
    with pytest.raises(DataError, match="other classes than torchvision") as caught:
        hub.read("dtd", clones)
    assert "it has 3 classes, not 47" in caught.value.why
    own = tmp_path / "own.toml"
    own.write_text('[dtd]\npath = "timm/eurosat-rgb"\nsplits = { train = ["train"], test = ["test"] }\n')
    monkeypatch.setenv("CLBENCH_MTIL_HUB", str(own))
    with pytest.raises(DataError, match="'AnnualCrop', 'Forest', 'HerbaceousVegetation' are none of them"):
        hub.read("dtd", clones)


def test_a_missing_column_is_named(places, tmp_path, monkeypatch):
    own = tmp_path / "own.toml"
    own.write_text('[eurosat]\nname = "filename"\n')
    monkeypatch.setenv("CLBENCH_MTIL_HUB", str(own))
    with pytest.raises(DataError, match="lacks the column filename") as caught:
        hub.read("eurosat", places[1])
    assert "image_id" in caught.value.why


@pytest.mark.parametrize("key", KEYS)
def test_what_is_known_of_a_copy_is_whole(key):
    copy = hub_copy(key)
    assert copy.revision
    int(copy.revision, 16)
    assert set(copy.splits) in ({"all"}, {"train", "test"}, {"train", "val", "test"})
    assert copy.arrays == (not copy.file)
    assert bool(copy.named) == bool(copy.file)
    if copy.file:
        assert data_set(key).images_in


@pytest.mark.parametrize("key", sorted((*KEYS, *OTHERS)))
def test_the_readme_names_the_copy(key):
    copy = hub_copy(key)
    (line,) = [line for line in README.read_text().splitlines() if line.startswith(f"| {key} |")]
    assert f" {copy.path} | `{copy.revision[:12]}` " in line


@pytest.mark.parametrize("key", NAMED)
def test_names_look_like_torchvisions(key, places):
    """The pattern that a name must have fits the files that torchvision reads."""
    import re

    root, _ = places
    parts = folder.read(key, root).parts
    assert all(
        re.fullmatch(hub_copy(key).named.replace("{class}", path.split("/")[-2]), path.split("/")[-1])
        for samples in parts.values()
        for path in samples.images
    )


def test_the_source_is_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("CLBENCH_MTIL_SOURCE", "hub")
    monkeypatch.setattr(folder, "read", lambda key, root: f"folder {key}")
    found = folder.Collection((), {}, "a repository at a commit")
    monkeypatch.setattr(hub, "read", lambda key: found)
    source = find_source(tmp_path)
    assert source("mnist") is found
    assert source.origins == {"mnist": "a repository at a commit"}
    monkeypatch.delenv("CLBENCH_MTIL_SOURCE")
    assert find_source(tmp_path)("mnist") == "folder mnist"
    monkeypatch.setenv("CLBENCH_MTIL_SOURCE", "hubb")
    with pytest.raises(ConfigError, match="did you mean 'hub'"):
        find_source(tmp_path)("dtd")


def test_a_copy_that_differs_is_read_only_when_told(monkeypatch, tmp_path):
    own = tmp_path / "own.toml"
    own.write_text('[sun397]\ndiffers = "one image short"\n')
    monkeypatch.setenv("CLBENCH_MTIL_HUB", str(own))
    monkeypatch.setattr(folder, "read", lambda key, root: f"folder {key}")
    monkeypatch.setattr(hub, "read", lambda key: folder.Collection((), {}, "there", "one image short"))
    monkeypatch.setenv("CLBENCH_MTIL_SOURCE", "hub")
    assert find_source(tmp_path)("sun397") == "folder sun397"
    monkeypatch.setenv("CLBENCH_MTIL_SOURCE", "hub-any")
    source = find_source(tmp_path)
    source("sun397")
    assert source.meta == {
        "other_data": {"sun397": "there: one image short"},
        "notes": ("sun397 is another data set: there: one image short",),
    }


def test_class_incremental_from_the_hub(monkeypatch, tmp_path):
    testing.write("cifar100", tmp_path, None)
    with testing.accepted(tmp_path):
        testing.write_hub("cifar100", tmp_path, tmp_path / "hub")
    monkeypatch.setenv("CLBENCH_MTIL_SOURCE", "hub")
    monkeypatch.setattr(hub, "read", partial(hub.read, copies=tmp_path / "hub"))
    stream = build_incremental("50")
    task = stream.tasks[0]
    assert task.classes == ("thing_87", "thing_0")  # as the authors' code has them
    assert set(stream.origins) == {"cifar100"}
    for index, label in enumerate(task.test.labels):
        assert task.test.image(index).getpixel((16, 16)) == testing.colour("cifar100", (87, 0)[label])
