"""Folders whose listing tells of test images, and such as anybody may list."""

from __future__ import annotations

from pathlib import Path

import pytest
from clbench.runs.supervisor.grounds import folders_of_tests
from clbench.runs.worker.watch import TEST_DATA, Grounds, path_digest

DATA = Path("/data of somebody")


def found(*names: str) -> set[str]:
    folders = folders_of_tests([DATA / name for name in names])
    return {str(folder.relative_to(DATA)) for folder in folders}


def test_they_reach_up_to_the_one_that_all_are_in():
    assert found("t/test/cat/1.png", "t/test/dog/1.png") == {"t/test", "t/test/cat", "t/test/dog"}
    assert found("t/test/cat/1.png", "t/test/cat/deep/2.png") == {"t/test/cat", "t/test/cat/deep"}
    assert found("t/1.png", "t/2.png") == {"t"}
    assert found() == set()


def test_folders_of_everybody_are_none_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    files = [work / "1.png", work / "cats" / "2.png", tmp_path / "3.png"]
    assert folders_of_tests(files) == {work / "cats"}


def test_listing_one_is_touching_test_images():
    folder = DATA / "t" / "test"
    grounds = Grounds(tests=frozenset({path_digest(str(folder))}))
    assert grounds.kind(str(folder), is_given=True) == TEST_DATA
    assert not grounds.kind(str(folder.parent), is_given=False)
    assert not grounds.kind(str(folder.parent / "train"), is_given=False)
