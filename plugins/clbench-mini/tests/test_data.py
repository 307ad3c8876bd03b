"""What lies in the package is what it says: classes, counts, sources, licences, sizes."""

from __future__ import annotations

import gzip
import io
from collections import Counter

import pytest
from clbench.streams import order_keys
from clbench_mini.files import DATA, catalogue, class_names, task_file
from clbench_mini.stream import parquet, reference
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


def test_images_are_stored_as_png():
    table = parquet(task_file("digits", "test")).with_format("arrow")
    stored = table[0]["image"][0].as_py()
    assert Image.open(io.BytesIO(stored["bytes"])).format == "PNG"
