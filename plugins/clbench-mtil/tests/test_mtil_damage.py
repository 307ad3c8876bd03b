"""Whatever is damaged in a data set: the error names the file and what mends it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from clbench.cli import main
from clbench.errors import DataError
from clbench_mtil import folder, hub, testing
from clbench_mtil.catalogue import KEYS, data_set, data_sets
from clbench_mtil.protocols import divide
from clbench_mtil.stream import build_task, find_source
from clbench_mtil.variants import VARIANTS
from click.testing import CliRunner

FILES = sorted(
    (key, name)
    for key, entry in data_sets().items()
    for name in entry.files
    if name.endswith((".txt", ".json", ".mat", "-ubyte")) or key == "cifar100"
)
DAMAGES = {
    "cut": lambda whole: whole[: len(whole) // 2],
    "garbage": lambda whole: b"\x00\xff garbage\n" * 20,
    "empty": lambda whole: b"",
}
OF_FILES = tuple(key for key in KEYS if key not in ("cifar100", "mnist"))
UNLISTED = [(key, "missing") for key in ("caltech101", "eurosat", "sun397")]
WITH_SPLIT = tuple(key for key in KEYS if data_set(key).split)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The eleven, whole."""
    root = tmp_path_factory.mktemp("data")
    testing.write_all(root)
    return root


@pytest.fixture
def root(sound, tmp_path, monkeypatch):
    """A copy to damage, one data set alone: call it with the key."""
    place = tmp_path / "data"
    monkeypatch.setenv("CLBENCH_DATA", str(place))
    monkeypatch.setenv("CLBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CLBENCH_MTIL_COUNTS", "any")

    def copy(key):
        top = {name.partition("/")[0] for name in data_set(key).files}
        for name in top:
            shutil.copytree(sound / name, place / name)
        return place

    return copy


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(("key", "name"), FILES)
def test_a_damaged_list_or_array_is_named(root, monkeypatch, key, name, damage):
    """Some are read all the same; then there is not as much in them as was published."""
    monkeypatch.delenv("CLBENCH_MTIL_COUNTS")
    place = root(key)
    path = place / name
    with testing.accepted(place):
        path.write_bytes(DAMAGES[damage](path.read_bytes()))
        with pytest.raises(DataError) as caught:
            divide(key, "zscl", find_source(place), place)
    error = caught.value
    assert data_set(key).title in error.what
    assert str(path) in error.why or (damage == "cut" and "not the published one" in error.what)
    if data_set(key).download_gb:
        assert f"then: clbench prepare mtil --fetch --only {key}" in error.fix
    else:
        assert "clbench doctor mtil" in error.fix


@pytest.mark.parametrize(("key", "name"), FILES)
def test_a_missing_list_or_array_is_named(root, key, name):
    place = root(key)
    (place / name).unlink()
    with pytest.raises(DataError) as caught:
        folder.read(key, place)
    assert name in caught.value.why
    assert "clbench doctor mtil" in caught.value.fix
    assert f"no {name}" in CliRunner().invoke(main, ["doctor", "mtil"]).output


@pytest.mark.parametrize(
    ("key", "damage"),
    # folders are listed as they are: what is missing there shows in the counts alone
    [(k, d) for k in OF_FILES for d in (*DAMAGES, "missing") if (k, d) not in UNLISTED],
)
def test_a_damaged_image_is_named_and_the_others_are_decoded(root, tmp_path, key, damage):
    place = root(key)
    with testing.accepted(place):
        task = build_task(key, VARIANTS["mtil"], find_source(place), place)
    path = Path(next(iter(task.test.files())))
    whole = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(DAMAGES[damage](whole))
    with testing.accepted(place):
        result = CliRunner().invoke(main, ["prepare", "mtil", "--only", key, "--train"])
    output = " ".join(result.output.split())
    assert result.exit_code == 1
    assert str(path) in output
    wanted = {
        "cut": "runcated",
        "garbage": "bytes in no image format",
        "empty": "it is empty",
        "missing": "image files of",
    }
    assert wanted[damage] in output
    assert "need be fetched again" in output or "can stay" in output or "fetch that again" in output
    assert len(list((tmp_path / "cache").rglob("*.npy"))) == 1  # those to train
    path.write_bytes(whole)
    with testing.accepted(place):
        assert CliRunner().invoke(main, ["prepare", "mtil", "--only", key, "--train"]).exit_code == 0
    assert len(list((tmp_path / "cache").rglob("*.npy"))) == 2


def test_prepare_tells_missing_files_of_parts_that_it_does_not_decode(root):
    place = root("dtd")
    path = place / "dtd/dtd/images" / (place / "dtd/dtd/labels/train1.txt").read_text().split()[0]
    path.unlink()
    result = CliRunner().invoke(main, ["prepare", "mtil", "--only", "dtd"])
    assert result.exit_code == 1
    assert "1 of the 6 image files of dtd/train are not there" in result.output
    assert str(path) in result.output


def test_all_that_is_wrong_is_told_at_the_end(root, tmp_path):
    place = root("dtd")
    root("eurosat")
    (place / "dtd/dtd/images" / (place / "dtd/dtd/labels/train1.txt").read_text().split()[0]).unlink()
    result = CliRunner().invoke(main, ["prepare", "mtil", "--only", "sun397,dtd,eurosat"])
    assert result.exit_code == 1
    assert "2 things are wrong with the data; all else is done" in result.output
    assert "SUN397 is not complete" in result.output
    assert "image files of dtd/train" in result.output
    assert len(list((tmp_path / "cache").rglob("*.npy"))) == 2


@pytest.mark.parametrize("key", ["caltech101", "eurosat"])
def test_a_missing_class_is_named(root, monkeypatch, tmp_path, key):
    monkeypatch.delenv("CLBENCH_MTIL_COUNTS")
    place = tmp_path / "all"
    testing.write(key, place, None)
    images = place / data_set(key).files[0]
    lost = sorted(images.iterdir())[1]
    shutil.rmtree(lost)
    with pytest.raises(DataError) as caught:
        divide(key, "zscl", find_source(place), place)
    count = data_set(key).classes["zscl"]
    assert f"classes: {count - 1}, not {count}" in caught.value.why
    assert lost.name in caught.value.why
    assert str(images) in caught.value.why


@pytest.mark.parametrize("key", ["caltech101", "eurosat"])
def test_a_missing_image_of_a_numbered_class_is_named(root, monkeypatch, tmp_path, key):
    monkeypatch.delenv("CLBENCH_MTIL_COUNTS")
    place = tmp_path / "all"
    testing.write(key, place, None)
    folder_ = sorted((place / data_set(key).files[0]).iterdir())[2]
    lost = sorted(folder_.glob("*.jpg"), key=lambda path: int(path.stem.rpartition("_")[2]))[1]
    lost.unlink()
    with pytest.raises(DataError) as caught:
        divide(key, "zscl", find_source(place), place)
    assert f"{folder_.name} lacks {lost.name}" in caught.value.why


def test_classes_of_sun397_with_too_few_images_are_named(root, monkeypatch):
    monkeypatch.delenv("CLBENCH_MTIL_COUNTS")
    place = root("sun397")
    with pytest.raises(DataError) as caught:
        divide("sun397", "zscl", find_source(place), place)
    assert "apse/indoor has 4 images" in caught.value.why
    monkeypatch.setattr("clbench_mtil.publication.SUN397_FEWEST", 4)
    with pytest.raises(DataError) as caught:
        divide("sun397", "zscl", find_source(place), place)
    assert "each class has 4 images or more; which files are missing" in caught.value.why


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("aircraft", "fgvc-aircraft-2013b/data/variants.txt"),
        ("sun397", "SUN397/ClassName.txt"),
    ],
)
def test_class_names_that_are_others_are_named(monkeypatch, tmp_path, key, name):
    monkeypatch.delenv("CLBENCH_MTIL_COUNTS", raising=False)
    testing.write(key, tmp_path, None)
    lists = tmp_path / name
    lines = lists.read_text().splitlines()
    if key == "aircraft":
        for path in sorted(lists.parent.glob("*.txt")):
            path.write_text(path.read_text().replace(lines[5], "Flyer"))
    else:
        (tmp_path / "SUN397" / lines[5][1:]).rename(tmp_path / "SUN397/a/flyer")
        lists.write_text(lists.read_text().replace(lines[5] + "\n", "/a/flyer\n"))
    with pytest.raises(DataError) as caught:
        divide(key, "zscl", find_source(tmp_path), tmp_path)
    assert "1 class names are others: " in caught.value.why
    assert "lyer', not " in caught.value.why


@pytest.mark.parametrize("key", ["dtd", "food", "oxfordpet", "stanfordcars", "sun397"])
def test_class_names_of_coops_file_are_the_official_words(monkeypatch, tmp_path, key):
    monkeypatch.delenv("CLBENCH_MTIL_COUNTS", raising=False)
    testing.write(key, tmp_path, None)
    entry = data_set(key)
    path = next(tmp_path.rglob(entry.split))
    with pytest.raises(DataError) as caught:
        divide(key, "coop", find_source(tmp_path), tmp_path)
    assert "class names are others" not in caught.value.why
    name = json.loads(path.read_text())["train"][0][2]
    path.write_text(path.read_text().replace(json.dumps(name), '"flyer"'))
    with pytest.raises(DataError) as caught:
        divide(key, "coop", find_source(tmp_path), tmp_path)
    assert "1 class names are others: 'flyer'" in caught.value.why


def test_a_folder_that_is_no_class_is_named(root):
    place = root("eurosat")
    (place / "eurosat/2750/Moon").mkdir()
    shutil.copy(next((place / "eurosat/2750/Forest").iterdir()), place / "eurosat/2750/Moon/Moon_1.jpg")
    with pytest.raises(DataError, match="none of its classes: Moon"):
        divide("eurosat", "zscl", find_source(place), place)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("key", WITH_SPLIT)
def test_a_damaged_split_of_coop_is_named(root, key, damage):
    place = root(key)
    entry = data_set(key)
    path = place / entry.split_in[0] / entry.split
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(DataError) as caught:
        divide(key, "coop", find_source(place), place)
    assert str(path) in caught.value.what
    assert "fetch it again" in caught.value.fix


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("key", ["dtd", "mnist"])
def test_a_damaged_table_of_the_hub_is_named(root, tmp_path, monkeypatch, key, damage):
    place = root(key)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "tables")
    with testing.accepted(place):
        testing.write_hub(key, place, tmp_path / "hub")
    path = next((tmp_path / "hub").rglob("*test-*.parquet"))
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(DataError) as caught:
        hub.read(key, copies=tmp_path / "hub")
    assert data_set(key).title in caught.value.what
    assert str(tmp_path / "hub") in caught.value.why
    assert "test" in caught.value.why
