"""ImageNet's images and the captions from folders."""

from __future__ import annotations

import pytest
import torch
from clbench.errors import DataError
from clbench.plugins import get_registry
from clbench.runs.workbench import Workbench
from clbench_mtil.reference import class_pool, read_captions, reference
from PIL import Image


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("CLBENCH_DATA", str(tmp_path))
    for name in ("n01440764", "n01443537"):
        folder = tmp_path / "imagenet/train" / name
        folder.mkdir(parents=True)
        for i in range(5):
            Image.new("L" if i else "RGB", (9, 9), i).save(folder / f"{name}_{i}.JPEG")
    folder = tmp_path / "conceptual_captions"
    folder.mkdir()
    (folder / "Validation_GCC-1.1.0-Validation.tsv").write_text(
        'author : a life in photography\thttp://a\nan "angler" fishes , on the lake\thttp://b\n'
    )
    return tmp_path


def test_images_and_texts_are_no_pairs(root):
    found = reference()
    assert len(found.images) == 10
    assert found.images.image(1).mode == "RGB"
    assert found.texts == ("author : a life in photography", 'an "angler" fishes , on the lake')


def test_the_harness_hands_it_out_as_it_is(root):
    found = Workbench(get_registry()).reference("imagenet")
    assert (len(found.images), len(found.texts)) == (10, 2)


def test_a_subset_is_a_permutation_with_seed_42(root):
    chosen = torch.randperm(10, generator=torch.Generator().manual_seed(42))[:4].tolist()
    files = sorted((root / "imagenet/train").rglob("*.JPEG"))
    raw = reference("4").images._raw["image"]
    assert [item["path"] for item in raw] == [str(files[i]) for i in chosen]


def test_the_column_title_is_read_where_there_is_one(tmp_path):
    file = tmp_path / "val.csv"
    file.write_text("filepath\ttitle\n1.jpg\ta red bus\n2.jpg\t\n3.jpg\ta dog\n")
    assert read_captions(file) == ("a red bus", "a dog")


def test_what_is_missing_is_named_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv("CLBENCH_DATA", str(tmp_path))
    with pytest.raises(DataError) as caught:
        reference()
    assert "imagenet/train" in str(caught.value)
    assert "conceptual_captions" in str(caught.value)


def test_an_empty_file_of_captions_is_an_error(tmp_path):
    (tmp_path / "x.tsv").write_text("\n")
    with pytest.raises(DataError, match="has no captions"):
        read_captions(tmp_path / "x.tsv")


def test_class_pool():
    names = class_pool()
    assert len(names) == 1000
    assert len(set(names)) == 998
