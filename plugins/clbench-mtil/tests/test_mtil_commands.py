"""``clbench doctor mtil`` and ``clbench prepare mtil``, on data sets in miniature."""

from __future__ import annotations

import shutil

import pytest
from clbench.cli import main
from clbench_mtil import testing
from clbench_mtil.catalogue import KEYS, data_set
from clbench_mtil.models import vit_b_32_random
from clbench_mtil.preparation import CLIP_224
from click.testing import CliRunner


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("CLBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("CLBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CLBENCH_MTIL_COUNTS", "any")
    return tmp_path / "data"


def run(*arguments: str):
    return CliRunner().invoke(main, arguments)


def test_doctor_names_what_is_missing_and_its_cure(root):
    testing.write_all(root, keys=[key for key in KEYS if key not in ("dtd", "stanfordcars")])
    (root / "food-101/meta/test.json").unlink()
    (root / "sun397").mkdir()
    shutil.move(root / "SUN397/split_zhou_SUN397.json", root / "sun397")
    result = run("doctor", "mtil")
    assert result.exit_code == 1
    lines = [line.split() for line in result.output.splitlines()]
    assert ["there", "aircraft", "images"] in lines
    assert ["missing", "dtd", "images"] in lines
    assert ["missing", "dtd", "CoOp's", "split"] in lines
    assert ["there", "sun397", "CoOp's", "split"] in lines
    assert ["no", "food-101/meta/test.json"] in lines
    assert "clbench prepare mtil --fetch --only dtd" in result.output
    assert "torchvision cannot fetch it" in result.output
    assert result.output.endswith("missing: dtd, food, stanfordcars\n")


def test_doctor_is_content(root):
    testing.write_all(root)
    result = run("doctor", "mtil")
    assert result.exit_code == 0
    assert result.output.endswith("clbench run --stream mtil --methods zero-shot\n")


def test_prepare_decodes_once(root, tmp_path):
    testing.write_all(root, keys=("dtd", "eurosat"))
    result = run("prepare", "mtil", "--only", "dtd,eurosat", "--dry-run")
    assert result.exit_code == 0, result.output
    assert not list((tmp_path / "cache").rglob("*.npy"))
    result = run("prepare", "mtil", "--only", "dtd,eurosat")
    assert "dtd/test: decoding 3 images" in result.output
    assert len(list((tmp_path / "cache").rglob("*.npy"))) == 2
    again = run("prepare", "mtil", "--only", "dtd, eurosat,dtd", "--train", "--protocol", "coop")
    assert "dtd/train: decoding 6 images" in again.output
    third = run("prepare", "mtil", "--only", "dtd,eurosat", "--train", "--protocol", "coop")
    assert third.output.count(", decoded") == 6
    assert ": 0.00 GB" in third.output


def test_prepare_goes_on_after_an_interruption(root, tmp_path):
    testing.write_all(root, keys=("dtd", "eurosat"))
    broken = next((root / "eurosat/2750").rglob("*.jpg"))
    content = broken.read_bytes()
    for path in (root / "eurosat/2750").rglob("*.jpg"):
        path.write_bytes(b"")
    result = run("prepare", "mtil", "--only", "dtd,eurosat")
    assert result.exit_code == 1
    assert "eurosat/test cannot be read" in result.output
    assert len(list((tmp_path / "cache").rglob("*.npy"))) == 1
    for path in (root / "eurosat/2750").rglob("*.jpg"):
        path.write_bytes(content)
    result = run("prepare", "mtil", "--only", "dtd,eurosat")
    assert "dtd/test: 3 images, decoded" in result.output
    assert "eurosat/test: decoding 3 images" in result.output


def test_prepare_says_what_is_not_there(root):
    result = run("prepare", "mtil", "--only", "dtd")
    assert result.exit_code == 1
    assert "DTD is not complete" in result.output
    assert "did you mean 'food'" in run("prepare", "mtil", "--only", "foods").output


def test_prepare_fetches_only_when_told(root, monkeypatch):
    import torchvision.datasets

    fetched = []

    def dtd(place, download):
        fetched.append(download)
        testing.write("dtd", place)

    monkeypatch.setattr(torchvision.datasets, "DTD", dtd)
    assert run("prepare", "mtil", "--only", "dtd").exit_code == 1
    result = run("prepare", "mtil", "--only", "dtd", "--fetch", "--dry-run")
    assert f"about {data_set('dtd').download_gb:.1f} GB" in result.output
    assert not fetched
    run("prepare", "mtil", "--only", "dtd", "--fetch")
    assert fetched == [True]


def test_a_full_disk_is_told_before_anything_is_done(root, monkeypatch):
    testing.write("dtd", root)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(10, 9, 1))
    result = run("prepare", "mtil", "--only", "dtd")
    assert result.exit_code == 1
    assert "there is no room for the decoded images" in result.output


def test_what_is_prepared_is_what_the_backbones_read():
    assert vit_b_32_random("cpu").preprocessing == CLIP_224
