"""Every message that says what to install names something that can be had where it is read."""

from __future__ import annotations

import importlib.metadata
import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
from clbench import installing
from clbench.installing import how_to_install, how_to_install_extra, how_to_upgrade
from clbench.plugins.catalogue import CATALOGUE

ROOT = Path(__file__).parents[1]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
OFFICIAL = sorted({package for names in CATALOGUE.values() for package in names.values()})


class Noted:
    """A distribution with what its installer noted of it."""

    def __init__(self, said):
        self.said = said

    def read_text(self, name):
        return None if self.said is None else json.dumps(self.said)


@pytest.fixture
def came_from(monkeypatch):
    def come(said):
        monkeypatch.setattr(importlib.metadata, "distribution", lambda name: Noted(said))

    return come


@pytest.mark.parametrize("package", OFFICIAL)
def test_in_a_checkout_its_own_folder_is_installed(came_from, package):
    came_from({"url": ROOT.as_uri(), "dir_info": {"editable": True}})
    *_, option, folder = shlex.split(how_to_install(package))
    assert option == "-e"
    project = tomllib.loads((Path(folder) / "pyproject.toml").read_text())["project"]
    assert project["name"] == package


def test_from_a_git_address_it_is_installed_from_there(came_from):
    came_from({"url": "https://me:pw@git.example/x.git", "vcs_info": {"vcs": "git", "commit_id": "1"}})
    where = "git+https://git.example/x.git#subdirectory=plugins/clbench-zscl"
    assert how_to_install("clbench-zscl") == f'pip install "clbench-zscl @ {where}"'
    assert how_to_upgrade("clbench-zscl") == f'pip install --upgrade "clbench-zscl @ {where}"'
    assert how_to_upgrade("clbench") == 'pip install --upgrade "clbench @ git+https://git.example/x.git"'


@pytest.mark.parametrize("said", [None, {}, {"url": 3}, [], {"url": "file:///nowhere/q", "dir_info": {}}])
def test_from_an_index_its_name_is_known_there(came_from, said):
    came_from(said)
    assert how_to_install("clbench-zscl") == "pip install clbench-zscl"
    assert how_to_upgrade("clbench-zscl") == "pip install --upgrade clbench-zscl"


def test_a_folder_is_upgraded_where_it_lies(came_from, tmp_path):
    came_from({"url": tmp_path.as_uri(), "dir_info": {}})
    assert how_to_upgrade("theirs") == f"bring {tmp_path} up to date"
    (tmp_path / ".git").mkdir()
    assert how_to_upgrade("theirs") == f"git -C {tmp_path} pull"


@pytest.mark.parametrize(
    "extra", tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
)
def test_extras_are_told_by_the_packages_own_names(extra):
    words = shlex.split(how_to_install_extra(extra))
    assert words == ["pip", "install", *EXTRAS[extra]]
    with pytest.raises(ValueError, match="no extra"):
        how_to_install_extra("nothing")


def test_no_message_is_made_elsewhere():
    sources = [*ROOT.glob("harness/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")]
    own = Path(installing.__file__)
    told = re.compile(r"(?:pip|uv) install\b[^\"'\n]*|uv (?:add|pip)[^\"'\n]*")
    found = {
        path.relative_to(ROOT).as_posix(): told.findall(path.read_text()) for path in sources if path != own
    }
    assert {path: lines for path, lines in found.items() if lines} == {
        # of packages of others, by the names that they have on the index
        "harness/clbench/submissions/places.py": ["pip install gcsfs", "pip install adlfs"],
        # of the author's own package, which no index has yet
        "harness/clbench/testing/pluginsubject.py": ["pip install -e PATH-OF-{self.name}"],
    }
