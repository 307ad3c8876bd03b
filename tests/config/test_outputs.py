"""A folder for records that cannot be one, or cannot be written to, is refused before anything is loaded."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from clbench.config import Options, resolve
from clbench.config.outputs import output_problem, unwritable
from clbench.errors import ConfigError
from clbench.plugins import Registry
from clbench.testing import tiny_plugin


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("a file")
    return tmp_path / "file"


def test_folders_that_are_there_or_can_be_made_are_fine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for out in (tmp_path, tmp_path / "new" / "deeper", Path("runs"), Path(), Path("a/../b")):
        assert output_problem(out) is None
        assert not unwritable(out)
    assert not [*tmp_path.iterdir()], "nothing is made"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("file", "is a file"),
        ("file/deeper", "which is a file"),
        ("nowhere/deeper", "is a link to a place that is not there"),
        ("circle", "cannot be a folder"),
        ("x" * 256, "File name too long"),
        ("new/" + "x" * 256, "more than 255 bytes"),
        ("/".join(["deep"] * 800), "is too deep"),
        ("nul\0", "cannot be a folder"),
    ],
)
def test_what_cannot_be_a_folder_is_refused(tmp_path, file, name, said):
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    problem = output_problem(tmp_path / name)
    assert problem is not None
    assert said in str(problem)
    assert "--out FOLDER" in str(problem)
    assert len(str(problem)) < 600


def test_it_is_told_with_all_other_mistakes(file):
    options = Options.read({"methods": "nobody", "stream": "tiny", "order": "IX"}, "test")
    with pytest.raises(ConfigError) as caught:
        resolve(Registry.of(tiny_plugin), options, out=file)
    assert len(caught.value.problems) == 3
    assert "torch" not in str(caught.value)


class _System:
    """What a file system says of itself."""

    def __init__(self, *, flags: int = 0, free: int = 10**6, blocks: int = 10**7) -> None:
        self.f_flag, self.f_bavail, self.f_frsize, self.f_blocks = flags, free, 4096, blocks


@pytest.mark.skipif(not hasattr(os, "statvfs"), reason="the system has no statvfs")
@pytest.mark.parametrize(
    ("system", "said"),
    [
        (_System(flags=1), "the file system is read-only"),
        (_System(free=0), "the disk is full"),
        (_System(free=0, blocks=0), ""),  # of none that says
        (_System(), ""),
    ],
)
def test_what_file_systems_say(tmp_path, monkeypatch, system, said):
    monkeypatch.setattr(os, "statvfs", lambda _: system)
    assert unwritable(tmp_path / "new") == said


def test_a_folder_that_is_not_the_users(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "this user may not write" in unwritable(tmp_path)


def test_a_read_only_folder_may_be_shown_if_it_has_records(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["clbench.config.resolving"], "unwritable", lambda _: "it is read-only")
    options = Options.read({"methods": "zero-shot", "stream": "tiny", "device": "cpu"}, "test")
    from clbench_baselines import plugin

    registry = Registry.of(tiny_plugin, plugin)
    with pytest.raises(ConfigError, match="nothing can be written"):
        resolve(registry, options, out=tmp_path)
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "record.json").touch()
    assert resolve(registry, options, out=tmp_path)
