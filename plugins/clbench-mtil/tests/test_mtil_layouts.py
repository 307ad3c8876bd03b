"""Data sets as users have them: CoOp's folders, files of Windows, what systems leave, other names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from clbench.errors import DataError
from clbench_mtil import lists, testing
from clbench_mtil.catalogue import data_set
from clbench_mtil.folder import read
from clbench_mtil.misplaced import explain
from clbench_mtil.protocols import divide


@pytest.fixture(autouse=True)
def any_counts(monkeypatch):
    monkeypatch.setenv("CLBENCH_MTIL_COUNTS", "any")


def of_coop(key, root):
    parts = divide(key, "coop", lambda k: read(k, root), root).parts
    return {
        part: [Path(p).relative_to(root).as_posix() for p in found.images] for part, found in parts.items()
    }


@pytest.mark.parametrize("key", ["aircraft", "caltech101", "dtd", "oxfordpet"])
def test_own_lists_are_read_as_torchvision_reads_them(tmp_path, key):
    import torchvision

    testing.write(key, tmp_path)
    found = read(key, tmp_path)
    kind = getattr(torchvision.datasets, data_set(key).torchvision)
    if key == "caltech101":
        theirs = {"all": kind(tmp_path)}
        names = theirs["all"].categories
        labels = sorted(theirs["all"].y)
    else:
        train = "trainval" if key == "oxfordpet" else "train"
        theirs = {"train": kind(tmp_path, train), "test": kind(tmp_path, "test")}
        names, labels = theirs["train"].classes, sorted(theirs["train"]._labels)
    assert found.names == tuple(names)
    for part, data in theirs.items():
        assert len(found.parts[part]) == len(data)
        assert all(Path(path).is_file() for path in found.parts[part].images)
    assert sorted(found.parts.get("all", found.parts.get("train")).labels) == labels


@pytest.mark.parametrize(
    ("key", "ours", "theirs"),
    [
        ("aircraft", "fgvc-aircraft-2013b/data", "fgvc_aircraft"),
        ("oxfordpet", "oxford-iiit-pet", "oxford_pets"),
        ("caltech101", "caltech101", "caltech-101"),
        ("dtd", "dtd/dtd", "dtd-moved"),
        ("sun397", "SUN397", "sun397/SUN397"),
    ],
)
@pytest.mark.parametrize("protocol", ["coop", "zscl"])
def test_folders_of_coop(tmp_path, key, ours, theirs, protocol):
    testing.write(key, tmp_path)
    (tmp_path / theirs).parent.mkdir(exist_ok=True)
    (tmp_path / ours).rename(tmp_path / theirs)
    if key == "dtd":
        (tmp_path / "dtd").rmdir()
        (tmp_path / theirs).rename(tmp_path / "dtd")
    if key == "sun397":
        (tmp_path / theirs / "split_zhou_SUN397.json").rename(tmp_path / "sun397/split_zhou_SUN397.json")
    parts = divide(key, protocol, lambda k: read(k, tmp_path), tmp_path).parts
    assert all(Path(path).is_file() for part in parts.values() for path in part.images)


def test_flowers_in_the_folder_of_coop(tmp_path):
    testing.write("flowers", tmp_path)
    (tmp_path / "flowers-102").rename(tmp_path / "oxford_flowers")
    assert all((tmp_path / path).is_file() for part in of_coop("flowers", tmp_path).values() for path in part)


def test_a_split_that_was_written_on_windows(tmp_path):
    testing.write("eurosat", tmp_path)
    before = of_coop("eurosat", tmp_path)
    file = tmp_path / "eurosat/split_zhou_EuroSAT.json"
    parts = json.loads(file.read_text())
    windows = {k: [["\\" + p.replace("/", "\\"), n, c] for p, n, c in v] for k, v in parts.items()}
    file.write_text(json.dumps(windows), encoding="utf-8-sig")
    assert of_coop("eurosat", tmp_path) == before


def test_what_a_system_left_is_no_image_and_no_class(tmp_path):
    testing.write("caltech101", tmp_path)
    home = tmp_path / "caltech101/101_ObjectCategories"
    before = read("caltech101", tmp_path)
    (home / "Faces/.DS_Store").write_bytes(b"x")
    (home / "@eaDir").mkdir()
    after = read("caltech101", tmp_path)
    assert after.names == before.names
    assert list(after.parts["all"].images) == list(before.parts["all"].images)


def test_what_stops_torchvision_is_named(tmp_path):
    testing.write("eurosat", tmp_path)
    (tmp_path / "eurosat/2750/@eaDir").mkdir()
    with pytest.raises(DataError) as caught:
        read("eurosat", tmp_path)
    assert "@eaDir" in caught.value.why
    assert caught.value.fix.startswith(f"rm -r {tmp_path / 'eurosat/2750/@eaDir'}; all else can stay")


def image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")


@pytest.mark.parametrize(
    ("there", "cause", "cure"),
    [
        ("2750/2750/A/A_1.jpg", "it lies in", "move what is in"),
        ("2750/EuroSAT/2750/A/A_1.jpg", "it lies in", "move what is in"),
        ("2750/A/A_1.JPG", "is called otherwise", "mv "),
        ("2750/A/A_1.png", "is called otherwise", "mv "),
        ("2750/a/A_1.jpg", "is called otherwise", "mv "),
        ("2750/A\\A_1.jpg", "called with backslashes", "unpack the archive with another program"),
        ("2750/A/A_2.jpg", "nothing like it", "those that are there are whole and can stay"),
    ],
)
def test_why_an_image_is_not_there(tmp_path, there, cause, cure):
    image(tmp_path / there)
    why, fix = explain([str(tmp_path / "2750/A/A_1.jpg")])
    assert cause in why
    assert cure in fix
    assert "remove" not in fix


def test_lists_of_windows(tmp_path):
    testing.write("aircraft", tmp_path)
    before = lists.aircraft(tmp_path / "fgvc-aircraft-2013b/data")
    for file in tmp_path.rglob("*.txt"):
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    after = lists.aircraft(tmp_path / "fgvc-aircraft-2013b/data")
    assert after.names == before.names
    assert list(after.parts["train"].images) == list(before.parts["train"].images)
