"""The real loading code on the three data sets in miniature, from their folders."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from clbench.config import Options, resolve
from clbench.errors import DataError, UnknownNameError
from clbench.models.features import CosineScorer
from clbench.plugins import get_registry
from clbench.runs.evaluation import evaluate
from clbench.streams import LABEL_SPACES, Preprocessing
from clbench.testing import tiny_backbone
from clbench_cil import testing
from clbench_cil.catalogue import (
    DOMAINS,
    document,
    domain_classes,
    imagenet_order,
    imagenet_wnids,
    names_by_wnid,
    tiny_order,
    tiny_wnids,
)
from clbench_cil.stream import build_domainnet, build_increments
from clbench_cil.variants import VARIANTS, domainnet_spec, specs
from clbench_mtil.steps import cuts
from hypothesis import given
from hypothesis import strategies as st

PREPROCESSING = Preprocessing(size=8, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    testing.write_tinyimagenet(folder)
    testing.write_imagenet(folder, train=2)
    testing.write_domainnet(folder, classes=20)
    return folder


@pytest.fixture
def data(root, monkeypatch, tmp_path):
    monkeypatch.setenv("CLBENCH_DATA", str(root))
    monkeypatch.setenv("CLBENCH_CIL_COUNTS", "any")
    monkeypatch.setenv("CLBENCH_CACHE", str(tmp_path / "cache"))
    return root


@pytest.fixture
def own(monkeypatch, tmp_path):
    """A data root of the test's own, still empty."""
    monkeypatch.setenv("CLBENCH_DATA", str(tmp_path))
    monkeypatch.setenv("CLBENCH_CIL_COUNTS", "any")
    monkeypatch.setenv("CLBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path


def assert_colour(image, name: str) -> None:
    middle = np.asarray(image.convert("RGB"))[10, 8].astype(int)
    assert abs(middle - testing.colour(name)).max() < 12


SMALL = sorted(name for name in VARIANTS if "1000" not in name)


@pytest.mark.parametrize("name", SMALL)
def test_tasks_are_those_declared(data, name):
    stream, spec = build_increments(name), VARIANTS[name].spec()
    assert stream.keys == tuple(task.key for task in spec.tasks)
    assert [len(task.classes) for task in stream.tasks] == [task.classes for task in spec.tasks]
    assert [task.title for task in stream.tasks] == [task.title for task in spec.tasks]
    assert stream.protocol == spec.protocol
    assert stream.order == spec.default_order
    assert len(stream.union) == VARIANTS[name].classes


@pytest.mark.parametrize(
    ("name", "tasks"),
    [
        ("tinyimagenet-100-5", [100] + [5] * 20),
        ("tinyimagenet-100-10", [100] + [10] * 10),
        ("tinyimagenet-100-20", [100] + [20] * 5),
        ("imagenet100-10-10", [10] * 10),
        ("imagenet100-50-5", [50] + [5] * 10),
        ("imagenet1000-100-100", [100] * 10),
    ],
)
def test_published_steps(name, tasks):
    spec = VARIANTS[name].spec()
    assert [task.classes for task in spec.tasks] == tasks
    assert spec.total("test") == 50 * sum(tasks)
    assert spec.total("train") == (100_000 if "tiny" in name else None)


@pytest.mark.parametrize("name", ["imagenet100-50-5", "tinyimagenet-100-20"])
def test_every_image_is_of_its_class(data, name):
    """The colour tells the class, whatever file, label and order have been through."""
    there = tiny_wnids() if "tiny" in name else imagenet_wnids()[:100]
    wnid = {names_by_wnid()[wnid]: wnid for wnid in there}
    for task in build_increments(name).tasks:
        for images in (task.train, task.test):
            assert sorted(set(images.labels.tolist())) == list(range(len(task.classes)))
            for index in range(len(images)):
                assert_colour(images.image(index), wnid[task.classes[images.labels[index]]])


def test_every_image_is_of_its_domain_and_class(data):
    stream = build_domainnet()
    assert stream.keys == DOMAINS
    for task in stream.tasks:
        assert len(task.classes) == 345
        assert (len(task.train), len(task.test)) == (20, 20)
        for index in range(20):
            name = domain_classes()[task.test.labels[index]]
            assert_colour(task.test.image(index), f"{task.key} {name}")
            assert task.classes[task.test.labels[index]] == name.replace("_", " ")


def test_orders_of_classes():
    assert sorted(tiny_order()) == list(range(200))
    assert tiny_order()[:5] == (131, 181, 22, 172, 144)
    assert imagenet_order(100)[:10] == (68, 56, 78, 8, 23, 84, 90, 65, 74, 76)
    assert imagenet_order(1000)[:10] == (54, 7, 894, 512, 126, 337, 988, 11, 284, 493)
    assert imagenet_order(1000)[-5:] == (285, 225, 945, 697, 417)


def test_other_orders_of_classes_by_seed(data, monkeypatch):
    before = build_increments("imagenet100-10-10")
    monkeypatch.setenv("CLBENCH_CIL_CLASSES", "random-7")
    after = build_increments("imagenet100-10-10")
    assert after.meta["class_order"] == "random-7"
    assert sorted(after.union.classes) == sorted(before.union.classes)
    assert [set(t.classes) for t in after.tasks] != [set(t.classes) for t in before.tasks]
    assert build_increments("imagenet100-10-10").digests == after.digests
    assert after.digests["class_names"] != before.digests["class_names"]
    for wrong in ("icarl", "random-", "random-x"):
        monkeypatch.setenv("CLBENCH_CIL_CLASSES", wrong)
        with pytest.raises(UnknownNameError, match="random- and a whole number"):
            build_increments("imagenet100-10-10")


def test_class_names(data):
    """Names of the authors' lists, in the order in which the classes come."""
    tiny = build_increments("tinyimagenet-100-10").tasks
    assert tiny[0].classes[:3] == ("Persian cat", "stick insect", "goldfish")
    assert tiny[-1].classes[-1] == "pill bottle"
    assert build_increments("imagenet100-10-10").tasks[0].classes[:2] == (
        "sidewinder rattlesnake",
        "kingsnake",
    )
    assert len(set(tiny_wnids())) == 200
    assert set(tiny_wnids()) < set(imagenet_wnids())
    assert names_by_wnid()["n01440764"] == "tench"
    assert names_by_wnid()["n15075141"] == "toilet paper"
    assert len(set(names_by_wnid().values())) == 998


def test_templates_and_label_spaces(data):
    templates = {
        "tinyimagenet-100-20": ("a bad photo of a {}.",),
        "imagenet100-10-10": ("a good photo of a {}.",),
    }
    for name, expected in templates.items():
        assert {task.templates for task in build_increments(name).tasks} == {expected}
    assert {task.templates for task in build_domainnet().tasks} == {("a photo of a {}.",)}
    for spec in specs():
        options = Options(stream=spec.name, methods=("zero-shot",), device="cpu")
        assert resolve(get_registry(), options)[0].label_space == (
            "union" if spec.name == "domainnet" else "seen"
        )


def test_domains_share_their_classes(data):
    """One column a class: whichever label space is asked for, it is the same question."""
    stream = build_domainnet()
    assert len(stream.union) == 345 == domainnet_spec().total("classes")
    backbone = tiny_backbone()
    found = evaluate(
        CosineScorer(backbone), stream, PREPROCESSING_16, wide=True, batch=256, device=torch.device("cpu")
    )
    rows = {space: found.row(stream, space, 3) for space in LABEL_SPACES}
    assert rows["task"] == rows["seen"] == rows["union"]


PREPROCESSING_16 = Preprocessing(size=16, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


def test_orders_of_domains(data):
    spec = domainnet_spec()
    assert spec.orders["s-prompts"] == tuple(sorted(DOMAINS))
    assert spec.orders["ranpac"][0] == "real"
    stream = build_domainnet()
    assert stream.ordered("ranpac", spec.orders["ranpac"]).digests == stream.digests


def test_published_numbers():
    """Cleaned DomainNet has 409,832 images to train and 176,743 to test; TinyImageNet 100,000 and 10,000."""
    spec = domainnet_spec()
    assert (spec.total("train"), spec.total("test")) == (409_832, 176_743)
    assert len(domain_classes()) == len(set(domain_classes())) == 345
    assert set(document("domainnet.toml")["archives"]) == set(DOMAINS)


@given(base=st.integers(1, 60), increment=st.integers(1, 20), steps=st.integers(1, 12))
def test_cuts_take_every_class_once(base, increment, steps):
    classes = base + increment * steps
    found = cuts(classes, base, increment)
    assert [end - start for start, end in found] == [base] + [increment] * steps
    assert [c for start, end in found for c in range(start, end)] == list(range(classes))


def test_images_come_in_torchvisions_order(data, root):
    """ImageNet as ``ImageFolder`` lists it; TinyImageNet's validation images by their number."""
    from torchvision.datasets import ImageFolder

    listed = [path for path, _ in ImageFolder(root / "imagenet/train").samples]
    from clbench_cil import folder

    assert list(folder.read_imagenet(root, imagenet_wnids()[:100]).parts["train"].images) == listed
    test = folder.read_tinyimagenet(root).parts["test"].images
    assert [path.rpartition("/")[2] for path in test[:12]] == [f"val_{i}.JPEG" for i in range(12)]


def test_dassls_folder_of_lists_is_read_as_well(own):
    testing.write_domainnet(own, classes=3)
    before = build_domainnet()
    (own / "domainnet/splits").mkdir()
    for path in (own / "domainnet").glob("*.txt"):
        shutil.move(path, own / "domainnet/splits" / path.name)
    assert build_domainnet().digests == before.digests


# -- what is wrong with data is named ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "missing"),
    [
        (lambda: build_increments("tinyimagenet-100-10"), r"tiny-imagenet-200/wnids\.txt"),
        (lambda: build_increments("imagenet100-10-10"), "imagenet/train, imagenet/val"),
        (build_domainnet, r"domainnet/clipart_train\.txt"),
    ],
)
def test_missing_files_are_named(own, build, missing):
    with pytest.raises(DataError, match=missing) as caught:
        build()
    assert "clbench doctor cil" in str(caught.value)


def test_sizes_are_checked(data, monkeypatch):
    monkeypatch.delenv("CLBENCH_CIL_COUNTS")
    with pytest.raises(DataError, match="train: 200, not 100,000") as caught:
        build_increments("tinyimagenet-100-10")
    assert "n02124075 has 1, n04067472 has 1, n04540053 has 1 and 197 more" in str(caught.value)
    with pytest.raises(DataError, match="732 to 1300 images of each class: n01440764 has 2"):
        build_increments("imagenet100-50-5")
    with pytest.raises(DataError, match="6 of the 6 domains of DomainNet cannot be used") as caught:
        build_domainnet()
    assert "CLBENCH_CIL_COUNTS=any" in str(caught.value)
    assert "clipart, is not the published one: train: 20, not 33,525" in str(caught.value)


def test_a_part_of_the_data_has_another_fingerprint(data):
    assert build_increments("tinyimagenet-100-10").meta["counts"] == "any"
    assert build_domainnet().meta["counts"] == "any"


def test_a_class_without_a_folder_is_named(own):
    testing.write_tinyimagenet(own)
    shutil.rmtree(own / "tiny-imagenet-200/train/n02124075")
    with pytest.raises(DataError, match=r"train/n02124075/images cannot be read"):
        build_increments("tinyimagenet-100-10")


def test_a_class_without_images_is_named(own):
    testing.write_imagenet(own)
    shutil.rmtree(own / "imagenet/val/n01443537")
    (own / "imagenet/val/n01443537").mkdir()
    with pytest.raises(DataError, match=r"val/n01443537 has no images"):
        build_increments("imagenet100-10-10")


def test_validation_images_side_by_side_are_told(own):
    testing.write_imagenet(own)
    for path in list((own / "imagenet/val").rglob("*.JPEG")):
        shutil.move(path, own / "imagenet/val" / path.name)
    for path in [p for p in (own / "imagenet/val").iterdir() if p.is_dir()]:
        path.rmdir()
    with pytest.raises(DataError, match="it has 100 images side by side") as caught:
        build_increments("imagenet100-10-10")
    assert "torchvision.datasets.ImageNet(" in str(caught.value)


def test_other_classes_are_refused(own):
    testing.write_tinyimagenet(own)
    file = own / "tiny-imagenet-200/wnids.txt"
    file.write_text(file.read_text().replace("n02124075", "n01440764"))
    with pytest.raises(DataError, match="it lists 200, 1 of which are none of them"):
        build_increments("tinyimagenet-100-10")


def test_a_damaged_list_is_named_by_its_line(own):
    testing.write_tinyimagenet(own)
    file = own / "tiny-imagenet-200/val/val_annotations.txt"
    file.write_text(file.read_text().replace("val_3.JPEG\t", "val_3.JPEG "))
    with pytest.raises(DataError, match=r"line 4 of .*val_annotations\.txt"):
        build_increments("tinyimagenet-100-10")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("real/zebra/real_005_000001.jpg 3", "label 3 is 'ambulance', not 'zebra'"),
        ("real/zebra/real_005_000001.jpg", "no path below the domain with a label"),
        ("clipart/zebra/clipart_001_000001.jpg 343", "no path below the domain with a label"),
    ],
)
def test_a_wrong_line_of_a_domain_is_named(own, line, why):
    testing.write_domainnet(own, classes=3)
    file = own / "domainnet/real_test.txt"
    file.write_text(line + "\n" + file.read_text())
    with pytest.raises(DataError, match=r"line 1 of .*real_test\.txt") as caught:
        build_domainnet()
    assert why in str(caught.value)


def test_a_corrupt_image_is_named(own):
    testing.write_imagenet(own)
    path = next((own / "imagenet/train/n01440764").iterdir())
    path.write_bytes(path.read_bytes()[:200])
    step = next(t for t in build_increments("imagenet100-10-10").tasks if "tench" in t.classes)
    with pytest.raises(DataError, match=path.name):
        step.train.pixels(PREPROCESSING)
