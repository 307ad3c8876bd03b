"""The real loading code on all eleven data sets in miniature, in both protocols."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from clbench.config import Options, resolve
from clbench.errors import DataError
from clbench.plugins import get_registry
from clbench.streams import Preprocessing, Stream, Task
from clbench_mtil import testing
from clbench_mtil.catalogue import KEYS, class_names, data_set, data_sets
from clbench_mtil.incremental import build as build_incremental
from clbench_mtil.stream import build
from clbench_mtil.variants import VARIANTS, class_order

PREPROCESSING = Preprocessing(size=8, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The eleven, of three classes each."""
    folder = tmp_path_factory.mktemp("data")
    testing.write_all(folder)
    with testing.accepted(folder):
        yield folder


@pytest.fixture
def data(root, monkeypatch, tmp_path):
    monkeypatch.setenv("CLBENCH_DATA", str(root))
    monkeypatch.setenv("CLBENCH_MTIL_COUNTS", "any")
    monkeypatch.setenv("CLBENCH_CACHE", str(tmp_path))
    return root


@pytest.fixture
def streams(data) -> dict[str, Stream]:
    return {name: build(name) for name in ("mtil", "mtil-coop")}


def test_tasks_are_those_declared(streams):
    for name, stream in streams.items():
        assert stream.keys == KEYS == tuple(task.key for task in VARIANTS[name].spec().tasks)
        assert stream.protocol == VARIANTS[name].protocol


def test_every_image_is_of_its_class(streams):
    """The colour tells the class, whatever file, split and label have been through."""
    for stream in streams.values():
        for task in stream.tasks:
            for images in (task.train, task.test, *([task.validation] if task.validation else [])):
                for index in range(len(images)):
                    middle = np.asarray(images.image(index).convert("RGB"))[12, 10].astype(int)
                    label = int(images.labels[index])
                    if task.key == "mnist":
                        assert middle[0] == (200 if 2 * label + 2 > 12 else 0)
                        continue
                    if task.key == "caltech101" and stream.protocol == "coop":
                        label += label > 0  # Faces_easy is left out
                    assert abs(middle - testing.colour(task.key, label)).max() < 12


def test_no_image_is_in_two_splits(streams):
    for stream in streams.values():
        for task in stream.tasks:
            seen: list[object] = []
            for images in (task.train, task.test, *([task.validation] if task.validation else [])):
                raw = images.dataset.cast_column("image", _undecoded())["image"]
                seen += [item["path"] or item["bytes"] for item in raw]
            # MNIST's and CIFAR100's test images repeat some of training in miniature
            if task.key not in ("mnist", "cifar100"):
                assert len(set(seen)) == len(seen)


def _undecoded():
    import datasets

    return datasets.Image(decode=False)


def test_sizes(streams):
    """Two, one and one images per class, divided by each protocol as it does."""
    sizes = {t.key: (len(t.train), len(t.test)) for t in streams["mtil"].tasks}
    official = dict.fromkeys(("aircraft", "dtd", "flowers"), (6, 3))
    joined = dict.fromkeys(("food", "oxfordpet", "stanfordcars"), (9, 3))
    divided = dict.fromkeys(("caltech101", "eurosat", "sun397"), (9, 3))
    assert sizes == {**official, **joined, **divided, "cifar100": (30, 3), "mnist": (30, 3)}
    coop = {t.key: (len(t.train), len(t.validation), len(t.test)) for t in streams["mtil-coop"].tasks}
    assert coop == {
        **dict.fromkeys(KEYS, (6, 3, 3)),
        "caltech101": (4, 2, 2),
        "cifar100": (24, 6, 3),
        "mnist": (24, 6, 3),
    }


def test_class_names_of_zscl(streams):
    classes = {task.key: task.classes for task in streams["mtil"].tasks}
    assert classes["caltech101"] == ("off-center face", "centered face", "leopard")
    assert classes["eurosat"] == ("annual crop land", "forest", "brushland or shrubland")
    assert classes["flowers"][:2] == ("pink primrose", "hard-leaved pocket orchid")
    assert len(classes["flowers"]) == 102
    assert classes["oxfordpet"][0] == "Abyssinian"
    assert classes["sun397"][:2] == ("apartment building/outdoor", "apse/indoor")
    assert classes["mnist"][0] == "0 - zero"
    assert classes["aircraft"][0] == "707-320"
    assert classes["stanfordcars"][0] == "AM General Hummer SUV 2000"
    assert classes["cifar100"][2] == "thing 2"


def test_class_names_of_coop_are_those_of_its_files(streams):
    classes = {task.key: task.classes for task in streams["mtil-coop"].tasks}
    assert classes["caltech101"] == ("coop Faces", "coop Leopards")
    assert classes["stanfordcars"][0] == "2000 AM General Hummer SUV"
    assert classes["sun397"][0] == "outdoor apartment building"
    assert classes["oxfordpet"][0] == "Abyssinian"
    assert classes["mnist"][0] == "0 - zero"


def test_templates(streams):
    counts = {task.key: len(task.templates) for task in streams["mtil"].tasks}
    assert counts == {
        "aircraft": 2,
        "caltech101": 34,
        "cifar100": 18,
        "dtd": 8,
        "eurosat": 3,
        "flowers": 1,
        "food": 1,
        "mnist": 1,
        "oxfordpet": 1,
        "stanfordcars": 9,
        "sun397": 2,
    }
    for zscl, coop in zip(streams["mtil"].tasks, streams["mtil-coop"].tasks, strict=True):
        assert coop.templates == zscl.templates[:1]


def test_prompts_of_the_published_sizes():
    """1,201 classes, 97,209 test images, 8,648 prompts at test (section 13.6 of the authors' lists)."""
    entries = data_sets().values()
    assert sum(entry.classes["zscl"] for entry in entries) == 1201
    assert sum(entry.sizes["zscl"]["test"] for entry in entries) == 97_209
    assert sum(entry.classes["zscl"] * len(entry.templates) for entry in entries) == 8648
    assert len(class_names("caltech101")) == 101
    assert len(class_names("eurosat")) == 10
    assert len(class_names("flowers")) == 102


def test_rates_of_aircraft_and_mnist_are_five_times_the_others(streams):
    scales = {task.key: task.rate_scale for task in streams["mtil"].tasks}
    assert scales == {**dict.fromkeys(KEYS, 1.0), "aircraft": 5.0, "mnist": 5.0}
    assert {task.rate_scale for task in streams["mtil-coop"].tasks} == {1.0}


def test_orders():
    spec = VARIANTS["mtil"].spec()
    order = [spec.orders["I"].index(key) for key in spec.orders["II"]]
    assert order == [9, 6, 7, 8, 5, 10, 0, 1, 3, 4, 2]


def test_sun397_does_not_depend_on_the_order_of_the_disk(data, monkeypatch):
    from clbench_mtil import folder

    before = folder.read("sun397", data)
    real = Path.rglob
    monkeypatch.setattr(Path, "rglob", lambda self, pattern: reversed(list(real(self, pattern))))
    assert folder.read("sun397", data) == before
    assert list(before.parts["all"].images) == sorted(before.parts["all"].images)


def test_images_of_another_mode_are_converted_before_they_are_resized(data, monkeypatch, tmp_path):
    """A palette image resized as it is takes the nearest colour; torchvision's loaders give RGB."""
    from PIL import Image

    testing.write("oxfordpet", tmp_path)
    monkeypatch.setenv("CLBENCH_DATA", str(tmp_path))
    path = next((tmp_path / "oxford-iiit-pet/images").glob("Abyssinian_1.jpg"))
    noise = np.random.default_rng(0).integers(0, 255, (24, 20, 3), dtype=np.uint8)
    Image.fromarray(noise).convert("P").save(path, format="PNG")
    from clbench_mtil.stream import build_task, find_source

    task = build_task("oxfordpet", VARIANTS["mtil"], find_source(tmp_path), tmp_path)
    expected = PREPROCESSING.to_pixels(Image.open(path).convert("RGB"))
    assert not np.array_equal(expected, PREPROCESSING.to_pixels(Image.open(path)))
    assert np.array_equal(task.train.pixels(PREPROCESSING)[0], expected)


@pytest.mark.parametrize("shots", [1, 4, 5, 16])
def test_shots(data, shots):
    whole, few = build("mtil-coop"), build(f"mtil-coop-{shots}shot")
    assert few.meta["shots"] == shots
    for all_of_it, part in zip(whole.tasks, few.tasks, strict=True):
        per_class = np.bincount(all_of_it.train.labels)
        assert np.array_equal(np.bincount(part.train.labels), np.minimum(per_class, shots))
        assert part.validation is not None
        assert np.bincount(part.validation.labels).max() <= min(shots, 4)
        assert part.test.digest == all_of_it.test.digest


def test_shots_depend_on_their_seed(data, monkeypatch):
    first = build("mtil-4shot")
    assert build("mtil-4shot").digests == first.digests
    monkeypatch.setenv("CLBENCH_MTIL_SHOTS_SEED", "2")
    second = build("mtil-4shot")
    assert second.digests["train_split"] != first.digests["train_split"]
    assert second.digests["test_split"] == first.digests["test_split"]


def test_x_tail(data):
    stream = build("x-tail")
    assert stream.keys == tuple(key for key in KEYS if key != "cifar100")
    assert stream.protocol == "coop"
    assert stream.meta["shots"] == 16
    assert sum(task.classes for task in VARIANTS["x-tail"].spec().tasks) == 1100


def test_few_shot_of_diki(data):
    stream = build("mtil-fs")
    assert set(KEYS) - set(stream.keys) == {"eurosat", "mnist", "oxfordpet"}
    assert (stream.protocol, stream.meta["shots"]) == ("coop", 16)


def test_class_incremental(data, monkeypatch, tmp_path):
    testing.write("cifar100", tmp_path, None)
    monkeypatch.setenv("CLBENCH_DATA", str(tmp_path))
    assert sorted(class_order()) == list(range(100))
    assert class_order()[:5] == (87, 0, 52, 58, 44)
    with testing.accepted(tmp_path):
        stream = build_incremental("20")
    assert len(stream) == 20
    assert stream.tasks[0].classes == ("thing_87", "thing_0", "thing_52", "thing_58", "thing_44")
    for i, task in enumerate(stream.tasks):
        assert (len(task.train), len(task.test)) == (50, 5)
        for images in (task.train, task.test):
            for index in range(len(images)):
                label = class_order()[5 * i + int(images.labels[index])]
                assert images.image(index).getpixel((16, 16)) == testing.colour("cifar100", label)


def test_counts_are_checked(data, monkeypatch):
    monkeypatch.delenv("CLBENCH_MTIL_COUNTS")
    with pytest.raises(DataError, match=r"11 of the 11 data sets") as caught:
        build("mtil")
    assert "classes: 3, not 100; train: 6, not 3,334; test: 3, not 3,333" in str(caught.value)


def test_a_partial_stream_has_another_fingerprint(data):
    assert build("mtil-1shot").meta["counts"] == "any"


@pytest.mark.parametrize("key", KEYS)
def test_a_missing_file_is_named(key, tmp_path):
    from clbench_mtil import folder

    with pytest.raises(DataError) as caught:
        folder.read(key, tmp_path)
    assert data_set(key).files[0] in str(caught.value)
    assert "clbench doctor mtil" in str(caught.value)


def test_a_truncated_file_is_no_data_set(tmp_path):
    testing.write("cifar100", tmp_path)
    with testing.accepted(tmp_path):
        train = tmp_path / "cifar-100-python/train"
        train.write_bytes(train.read_bytes()[:-9])
        from clbench_mtil import folder

        with pytest.raises(DataError, match=r"CIFAR100 under .* cannot be read"):
            folder.read("cifar100", tmp_path)


def test_a_corrupt_image_is_named(data, monkeypatch, tmp_path):
    testing.write("dtd", tmp_path)
    from clbench_mtil.stream import build_task, find_source

    task = build_task("dtd", VARIANTS["mtil"], find_source(tmp_path), tmp_path)
    path = tmp_path / "dtd/dtd/images/banded/banded_0001.jpg"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=r"banded_0001\.jpg"):
        task.train.pixels(PREPROCESSING)


def test_a_missing_split_is_named(data, tmp_path):
    from clbench_mtil.protocols import divide

    testing.write("food", tmp_path)
    (tmp_path / "food-101/split_zhou_Food101.json").unlink()
    with pytest.raises(DataError, match=r"split_zhou_Food101\.json"):
        divide("food", "coop", lambda key: None, tmp_path)


@pytest.mark.parametrize(
    ("stream", "space"),
    [
        ("mtil", "task"),
        ("x-tail", "union"),
        ("cifar100-10", "seen"),
        ("odcl-cil", "seen"),
        ("odcl-cil-coop", "seen"),
    ],
)
def test_the_label_space_is_the_streams_unless_told(stream, space):
    options = {"stream": stream, "methods": ("zero-shot",), "device": "cpu"}
    assert resolve(get_registry(), Options(**options))[0].label_space == space
    assert resolve(get_registry(), Options(**options, label_space="task"))[0].label_space == "task"


def test_odcl_cil_takes_namesakes_for_one_class(data, monkeypatch, tmp_path):
    """CoLeCLIP's rule: one column, with the templates of all data sets that have the name."""
    testing.write_all(tmp_path, classes=None, keys=("caltech101", "flowers"))
    testing.write_all(tmp_path, keys=[key for key in KEYS if key not in ("caltech101", "flowers")])
    monkeypatch.setenv("CLBENCH_DATA", str(tmp_path))
    with testing.accepted(tmp_path):
        stream, apart = build("odcl-cil"), build("mtil")
    assert set(stream.shared) == {"lotus", "sunflower"}
    caltech, flowers = (stream.tasks[stream.keys.index(key)] for key in ("caltech101", "flowers"))
    assert stream.shared["lotus"] == (*caltech.templates, *flowers.templates)
    assert len(stream.union) == len(apart.union) - 2
    assert flowers.labels.templates[0] == flowers.templates
    assert {k for k, v in stream.digests.items() if v != apart.digests[k]} == {"stream"}


def test_a_name_of_eurosats_has_its_templates_alone():
    from clbench.testing.doubles import tiny_images
    from clbench_mtil.stream import _namesakes

    tasks = [
        Task(key, key, classes, templates, tiny_images(4, 2), tiny_images(4, 2))
        for key, classes, templates in (
            ("cifar100", ("forest", "rose"), ("a photo of a {}.",)),
            ("eurosat", ("forest", "river"), ("a centered satellite photo of {}.",)),
            ("flowers", ("rose", "tulip"), ("a photo of a {}, a type of flower.",)),
            ("sun397", ("river", "pond"), ("a photo of a {}.", "a photo of the {}.")),
        )
    ]
    assert _namesakes(tasks) == {
        "forest": ("a centered satellite photo of {}.",),
        "river": ("a centered satellite photo of {}.",),
        "rose": ("a photo of a {}.", "a photo of a {}, a type of flower."),
    }
