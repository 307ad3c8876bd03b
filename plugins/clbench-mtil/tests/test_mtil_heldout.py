"""CIFAR10, ImageNet and Conceptual Captions, each from its folder and from the hub's tables."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from clbench.cli import main
from clbench.errors import DataError
from clbench_mtil import testing
from clbench_mtil.heldout import cifar10, imagenet_val
from clbench_mtil.imagenet import from_folder, from_the_hub
from clbench_mtil.reference import hub_captions, reference
from click.testing import CliRunner

WNIDS = ("n01440764", "n01443537", "n01484850")
CAPTIONS = ("author : a life in photography", 'an "angler" fishes , on the lake')


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """(data root, clones of the hub's repositories)"""
    root, clones = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("hub")
    testing.write_others(root)
    testing.write_others_hub(root, clones)
    return root, clones


@pytest.fixture(autouse=True)
def _partial(monkeypatch, tmp_path):
    monkeypatch.setenv("CLBENCH_MTIL_COUNTS", "any")
    monkeypatch.setenv("CLBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "tables")


@pytest.fixture
def folder(places, monkeypatch):
    monkeypatch.setenv("CLBENCH_DATA", str(places[0]))
    with testing.accepted(places[0]):
        yield places[0]


@pytest.fixture
def hub(places, monkeypatch, tmp_path):
    monkeypatch.setenv("CLBENCH_DATA", str(tmp_path))
    monkeypatch.setenv("CLBENCH_MTIL_SOURCE", "hub")
    return places[1]


@pytest.mark.parametrize("read", [cifar10, imagenet_val])
def test_both_sources_hold_out_the_same(read, places, monkeypatch, tmp_path):
    root, clones = places
    monkeypatch.setenv("CLBENCH_DATA", str(root))
    with testing.accepted(root):
        ours = read()
    monkeypatch.setenv("CLBENCH_DATA", str(tmp_path))
    monkeypatch.setenv("CLBENCH_MTIL_SOURCE", "hub")
    theirs = read(clones)
    assert ours.digest == theirs.digest
    assert ours.classes == theirs.classes
    assert len(ours.test) == len(theirs.test) > 0
    for index in range(len(ours.test)):
        assert np.array_equal(np.asarray(ours.test.image(index)), np.asarray(theirs.test.image(index)))


def test_classes_and_templates(folder):
    held = imagenet_val()
    assert (len(held.classes), len(held.templates)) == (1000, 80)
    assert held.classes[:2] == ("tench", "goldfish")
    assert held.templates[0] == "a bad photo of a {}."
    held = cifar10()
    assert (len(held.classes), len(held.templates)) == (10, 18)
    assert held.classes[0] == "airplane"


def test_images_to_train_come_in_the_folders_order(folder, places):
    ours, theirs = from_folder(folder / "imagenet/train"), from_the_hub("imagenet", places[1])
    assert list(ours.labels) == list(theirs.labels)
    assert [Path(path).name for path in ours.images] == [
        theirs.names[i].split("/")[-1] for i in theirs.images
    ]


def test_reference_data_from_the_hub(hub, folder, places, monkeypatch):
    monkeypatch.delenv("CLBENCH_MTIL_SOURCE")
    ours = reference("4")
    monkeypatch.setenv("CLBENCH_DATA", str(folder / "nothing"))
    with pytest.raises(DataError, match="training images of ImageNet"):
        reference("4")
    monkeypatch.setenv("CLBENCH_MTIL_SOURCE", "hub")
    monkeypatch.setattr("clbench_mtil.reference.from_the_hub", partial(from_the_hub, copies=hub))
    monkeypatch.setattr("clbench_mtil.reference.hub_captions", partial(hub_captions, copies=hub))
    theirs = reference("4")
    assert theirs.texts == ours.texts == CAPTIONS
    assert theirs.images.digest == ours.images.digest
    assert theirs.images.image(0).mode == "RGB"


def test_what_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("CLBENCH_DATA", str(tmp_path))
    for read, key in ((cifar10, "cifar10"), (imagenet_val, "imagenet-val")):
        with pytest.raises(DataError) as caught:
            read()
        assert f"clbench prepare mtil --fetch --only {key}" in caught.value.fix
        monkeypatch.setenv("CLBENCH_MTIL_SOURCE", "hub")
        with pytest.raises(DataError, match="has not been fetched from the hub"):
            read()
        monkeypatch.delenv("CLBENCH_MTIL_SOURCE")


def test_counts_are_checked(folder, monkeypatch):
    monkeypatch.delenv("CLBENCH_MTIL_COUNTS")
    with pytest.raises(DataError, match="CIFAR10 is not the published one") as caught:
        cifar10()
    assert "not 10,000" in caught.value.why
    with pytest.raises(DataError, match="not 50,000"):
        imagenet_val()


def test_labels_that_are_not_of_the_files_are_an_error(places, tmp_path):
    import datasets

    table = datasets.load_dataset(str(places[1] / "ILSVRC/imagenet-1k"), split="validation")
    table = table.cast_column("image", datasets.Image(decode=False))
    labels = [(label + 1) % len(WNIDS) for label in table["label"]]
    table = table.remove_columns("label").add_column("label", labels)
    table.to_parquet(tmp_path / "ILSVRC/imagenet-1k/data/validation-00000-of-00001.parquet")
    with pytest.raises(DataError, match="are not those of its files"):
        from_the_hub("imagenet-val", tmp_path)


def test_prepare_decodes_what_is_held_out(folder):
    result = CliRunner().invoke(main, ["prepare", "mtil", "--only", "cifar10,imagenet-val"])
    assert result.exit_code == 0, result.output
    assert "cifar10/test" in result.output
    assert "imagenet/val" in result.output


@pytest.mark.slow
def test_a_run_tests_what_is_held_out_after_each_task(tmp_path, monkeypatch):
    root = tmp_path / "data"
    testing.write_all(root, classes=2)
    testing.write_others(root)
    monkeypatch.setenv("CLBENCH_DATA", str(root))
    with testing.accepted(root):
        result = CliRunner().invoke(
            main,
            [
                *("run", "--stream", "mtil", "--backbone", "ViT-B-32.random", "--device", "cpu", "--plain"),
                *("--methods", "zero-shot", "--held-out", "cifar10"),
                *("--out", str(tmp_path / "runs")),
            ],
        )
    assert result.exit_code == 0, result.output
    (path,) = (tmp_path / "runs").rglob("record.json")
    held = json.loads(path.read_text())["held_out"]
    assert set(held) == {"cifar10"}
    assert len(held["cifar10"]["after"]) == 11
