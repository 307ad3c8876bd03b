import datasets
import numpy as np
import pytest
from clbench.errors import DataError, UnknownNameError
from clbench.streams import ImageSet, LabelSpace, Stream, Task, order_keys
from clbench.testing import tiny_backbone, tiny_stream
from clbench.testing.doubles import tiny_images


def test_union_puts_the_tasks_columns_side_by_side():
    stream = tiny_stream(tasks=3, classes=4)
    assert stream.offsets == (0, 4, 8, 12)
    for j, task in enumerate(stream.tasks):
        assert stream.union.classes[stream.offsets[j] : stream.offsets[j + 1]] == task.classes
    assert stream.union.task is None


def test_training_view_carries_no_test_data():
    view = tiny_stream().tasks[0].for_training(0)
    assert not hasattr(view, "test")
    assert view.classes == tiny_stream().tasks[0].classes


def test_prompts_fill_every_place():
    labels = LabelSpace.of(["cat", "{curly}"], ["a {} and a {}", "the {}"])
    assert labels.first_prompts == ("a cat and a cat", "a {curly} and a {curly}")
    assert labels.prompts[0] == ("a cat and a cat", "the cat")


def test_label_space_digest_ignores_the_task_and_nothing_else():
    a = LabelSpace.of(["x", "y"], ["a {}"], task=1)
    assert a.digest == LabelSpace.of(["x", "y"], ["a {}"]).digest
    assert a.digest != LabelSpace.of(["y", "x"], ["a {}"]).digest
    assert a.digest != LabelSpace.of(["x", "y"], ["the {}"]).digest


def test_orders_by_name_by_seed_and_unknown():
    keys, orders = ("a", "b", "c", "d"), {"I": ("a", "b", "c", "d"), "II": ("d", "c", "b", "a")}
    assert order_keys("II", keys, orders, stream="s") == ("d", "c", "b", "a")
    random = order_keys("random-3", keys, orders, stream="s")
    assert sorted(random) == sorted(keys)
    assert random == order_keys("random-3", keys[::-1], orders, stream="s")
    with pytest.raises(UnknownNameError, match="unknown order"):
        order_keys("III", keys, orders, stream="s")


def test_reordering_keeps_the_fingerprint_and_refuses_a_wrong_permutation():
    stream = tiny_stream()
    other = stream.ordered("II", stream.keys[::-1])
    assert other.keys == stream.keys[::-1]
    assert other.digests == stream.digests
    with pytest.raises(DataError, match="once"):
        stream.ordered("bad", ["t0", "t0", "t1"])


def test_one_changed_class_template_or_image_changes_its_digest_alone():
    base = tiny_stream()

    def changed(**fields):
        first = base.tasks[0]
        values = {n: getattr(first, n) for n in ("key", "title", "classes", "templates", "train", "test")}
        return Stream("tiny", (Task(**(values | fields)), *base.tasks[1:]), protocol="tiny").digests

    for name, fields in {
        "class_names": {"classes": ("other", *base.tasks[0].classes[1:])},
        "templates": {"templates": ("the {}",)},
        "train_split": {"train": tiny_images(24, 4, seed=77)},
        "test_split": {"test": tiny_images(12, 4, seed=77)},
    }.items():
        new = changed(**fields)
        assert {k for k in new if new[k] != base.digests[k]} == {name}


def test_labels_outside_the_classes_are_refused():
    with pytest.raises(DataError, match="labels from 0 to 4"):
        Task("k", "K", ("a", "b"), ("a {}",), tiny_images(10, 5), tiny_images(10, 2))


def test_a_template_without_a_place_is_refused():
    with pytest.raises(DataError, match="without a place"):
        Task("k", "K", ("a", "b"), ("a photo",), tiny_images(10, 2), tiny_images(10, 2))


def test_pixels_are_cached_by_content(tmp_path):
    preprocessing = tiny_backbone().preprocessing
    first, second = tiny_images(6, 2, seed=1), tiny_images(6, 2, seed=1)
    a = first.pixels(preprocessing, tmp_path)
    stamp = [p.stat().st_mtime_ns for p in tmp_path.rglob("*.npy")]
    b = second.pixels(preprocessing, tmp_path)
    assert isinstance(b, np.memmap)
    assert (a == b).all()
    assert [p.stat().st_mtime_ns for p in tmp_path.rglob("*.npy")] == stamp
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_corrupt_image_is_named(tmp_path):
    rows = [{"image": {"bytes": b"not an image", "path": None}, "label": 0}]
    features = datasets.Features(image=datasets.Image(), label=datasets.Value("int64"))
    images = ImageSet(datasets.Dataset.from_list(rows, features=features), name="pets/train")
    with pytest.raises(DataError, match="image 0 of pets/train"):
        images.pixels(tiny_backbone().preprocessing, tmp_path)
    assert not list(tmp_path.rglob("*.npy"))


def test_missing_columns_are_named():
    with pytest.raises(DataError, match="lacks the column image"):
        ImageSet(datasets.Dataset.from_dict({"picture": [1]}), name="x")
