"""What lies in the package is what it says: classes, counts, sources, licences, sizes."""

from __future__ import annotations

import gzip
import io
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from clbench.results import read_record
from clbench.streams import order_keys
from clbench.testing.records import make_run
from clbench_mini.files import DATA, catalogue, class_names, task_file
from clbench_mini.groups import design_effects
from clbench_mini.stream import mini, parquet, reference
from PIL import Image

TASKS = {entry["key"]: entry for entry in catalogue()["tasks"]}
ALLOWED = {"MIT", "Apache-2.0", "CC0-1.0", "ISC", "BSD-2-Clause", "BSD-3-Clause", "OFL-1.1"}
ALLOWED |= {"CC-BY-3.0", "CC-BY-4.0"}
#: Made by one hand each, so that training and test images cannot come from different ones by name alone.
ONE_SOURCE = {"digits"}


@pytest.fixture(scope="module")
def splits():
    return {(key, split): parquet(task_file(key, split)) for key in TASKS for split in ("train", "test")}


def names_of(splits, key):
    return splits[key, "test"].features["label"].names


def test_the_stream_is_as_large_as_demanded():
    assert 8 <= len(TASKS) <= 11
    assert sum(entry["classes"] for entry in TASKS.values()) >= 300
    assert all(entry["train"] >= 400 and entry["test"] >= 300 for entry in TASKS.values())


@pytest.mark.parametrize("key", TASKS)
def test_counts_and_classes_are_those_of_the_catalogue(splits, key):
    for split in ("train", "test"):
        data = splits[key, split]
        assert len(data) == TASKS[key][split]
        assert data.features["label"].names == names_of(splits, key)
        assert set(data["label"]) == set(range(TASKS[key]["classes"]))


@pytest.mark.parametrize("key", TASKS)
def test_every_class_has_as_many_test_images_as_any_other(splits, key):
    assert len(set(Counter(splits[key, "test"]["label"]).values())) == 1


@pytest.mark.parametrize("key", TASKS)
def test_images_are_32_by_32_and_none_is_blank(splits, key):
    for split in ("train", "test"):
        for image in splits[key, split]["image"]:
            assert (image.mode, image.size) == ("RGB", (32, 32))
            low, high = zip(*image.getextrema(), strict=True)
            assert max(top - bottom for top, bottom in zip(high, low, strict=True)) > 20


@pytest.mark.parametrize("key", TASKS)
def test_no_test_image_is_a_training_image(splits, key):
    seen = {image.tobytes() for image in splits[key, "train"]["image"]}
    assert not seen & {image.tobytes() for image in splits[key, "test"]["image"]}


@pytest.mark.parametrize("key", sorted(TASKS.keys() - ONE_SOURCE))
def test_train_and_test_images_come_from_different_sources(splits, key):
    assert not set(splits[key, "train"]["source"]) & set(splits[key, "test"]["source"])


def test_no_source_of_a_task_is_a_source_of_pre_training(splits):
    pretrained = {e["source"] for e in catalogue()["sources"] if e["use"] == "pre-training"}
    assert len(pretrained) > 100
    for data in splits.values():
        assert not set(data["source"]) & pretrained
    assert set(reference()["source"]) <= pretrained


def test_every_source_has_an_accepted_licence_and_an_author():
    for entry in catalogue()["sources"]:
        assert entry["licence"] in ALLOWED, entry
        assert entry["author"], entry
    text = (DATA / "ATTRIBUTION.md").read_text(encoding="utf-8")
    assert all(f"| {entry['source']} |" in text for entry in catalogue()["sources"])


def test_every_image_has_a_source_that_is_attributed(splits):
    known = {entry["source"] for entry in catalogue()["sources"]}
    for data in splits.values():
        assert {source.removesuffix("-train").removesuffix("-t10k") for source in data["source"]} <= known


def test_a_name_means_one_class_in_the_union_of_the_tasks(splits):
    names = [name for key in TASKS for name in names_of(splits, key)]
    assert len(names) == len(set(names))


def test_the_class_pool_is_in_no_task(splits):
    pool = class_names()
    assert len(pool) == len(set(pool)) == catalogue()["class_pool"] >= 300
    assert not set(pool) & {name for key in TASKS for name in names_of(splits, key)}


def test_orders_are_permutations_of_the_tasks():
    orders = catalogue()["orders"]
    assert set(orders) == {"I", "II"}
    for name, keys in orders.items():
        assert sorted(order_keys(name, tuple(TASKS), orders, stream="mini")) == sorted(TASKS) == sorted(keys)


def test_every_template_has_a_place_for_the_name():
    for entry in TASKS.values():
        assert len(entry["templates"]) >= 2
        assert all(template.count("{}") == 1 for template in entry["templates"])


def test_the_reference_is_images_with_captions():
    data = reference()
    assert len(data) == catalogue()["reference"] >= 3000
    assert {"image", "text"} <= set(data.column_names)
    assert "label" not in data.column_names
    assert all(data["text"])


def test_what_pre_training_saw_is_written_down():
    with gzip.open(DATA / "concepts.csv.gz", "rt", encoding="utf-8") as stream:
        header, *rows = stream.read().splitlines()
    assert header == "caption,images"
    assert sum(int(row.rsplit(",", 1)[1]) for row in rows) == catalogue()["pretraining_pairs"]


def test_the_package_is_small():
    assert sum(path.stat().st_size for path in DATA.rglob("*") if path.is_file()) < 60e6


@pytest.mark.parametrize("key", sorted(TASKS.keys() - {"digits", "clothes", "greek"}))
def test_a_group_is_the_pictures_of_one_class_by_one_designer(splits, key):
    data = splits[key, "test"]
    designer = [re.sub("^fluent-emoji-.*", "fluent-emoji", source) for source in data["source"]]
    pairs = set(zip(data["group"], zip(data["label"], designer, strict=True), strict=True))
    assert len(pairs) == len(set(data["group"])) == len({shown for _, shown in pairs}) == TASKS[key]["groups"]
    assert TASKS[key]["groups"] == 2 * TASKS[key]["classes"]  # two designers each, none of whom trains


def test_a_group_of_letters_is_by_one_hand(splits):
    data = splits["greek", "test"]
    families = dict(zip(data["source"], data["group"], strict=True))
    assert len(set(zip(data["source"], data["group"], strict=True))) == len(families)
    assert families["font:roboto-mono"] == families["font:roboto-slab"] == families["font:roboto"]
    assert families["font:source-code-pro"] == families["font:source-serif-4"] != families["font:roboto"]
    assert len(set(families.values())) == TASKS["greek"]["groups"]


def test_only_test_images_have_groups_and_a_method_sees_none(splits):
    assert not [
        key for (key, split), data in splits.items() if split == "train" and "group" in data.column_names
    ]
    stream = mini()
    for index, task in enumerate(stream.tasks):
        assert (task.test.groups is not None) == ("groups" in TASKS[task.key])
        given = stream.training_task(index).detached()
        assert given.train.dataset.column_names == ["image", "label"]


def test_naming_groups_left_the_stream_as_it_was():
    """The digest of the test images is that of records from before they had groups."""
    assert mini().digests["test_split"] == "5de840c244351c5e"


def test_the_licence_of_every_source_is_there_in_full():
    texts = Path(__file__).parents[1] / "LICENSES"
    wanted = {f"{entry['licence']}.txt" for entry in catalogue()["sources"]}
    assert {path.name for path in texts.iterdir()} == wanted
    assert all(len(path.read_text(encoding="utf-8")) > 500 for path in texts.iterdir())


def test_the_design_effect_of_renderings_that_agree_is_their_number(tmp_path):
    """Three pictures of each of twenty designs, answered alike: three times the variance, but for n - 1."""
    right = [np.repeat(np.random.default_rng(j).random((2, 20)) < 0.5, 3, axis=1) for j in range(2)]
    make_run(tmp_path, right)
    effects = design_effects([read_record(tmp_path)], {"t0": np.repeat(np.arange(20), 3)})
    assert effects["t0"] == pytest.approx(3 * (59 / 60) / (19 / 20))
    assert "t1" not in effects
    assert 1 < effects["all"] < effects["t0"]


def test_images_are_stored_as_png():
    table = parquet(task_file("digits", "test")).with_format("arrow")
    stored = table[0]["image"][0].as_py()
    assert Image.open(io.BytesIO(stored["bytes"])).format == "PNG"
