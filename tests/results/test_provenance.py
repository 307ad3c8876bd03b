import json
import subprocess
from importlib.metadata import version

import pytest
from clbench.results import provenance


def git(folder, *arguments):
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


def test_collect_describes_this_machine():
    found = provenance.collect(device="cpu", plugins={"clbench-toy": "1.0"}, threads=3)
    assert found.versions["torch"] == version("torch")
    assert found.versions["clbench"] == version("clbench")
    assert (found.device, found.threads, found.plugins) == ("cpu", 3, {"clbench-toy": "1.0"})
    assert found.started.tzinfo is not None
    assert found.finished is None
    json.loads(found.model_dump_json())


def test_working_tree(tmp_path):
    git(tmp_path, "init")
    package = tmp_path / "package"
    package.mkdir()
    (package / "code.py").write_text("a = 1\n")
    provenance.working_tree.cache_clear()
    assert provenance.working_tree(package) == (None, None)  # not tracked: an installed copy, say

    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "start")
    provenance.working_tree.cache_clear()
    commit, dirty = provenance.working_tree(package)
    assert len(commit) == 40
    assert dirty is False

    (package / "code.py").write_text("a = 2\n")
    provenance.working_tree.cache_clear()
    assert provenance.working_tree(package) == (commit, True)


def test_without_git(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    provenance.working_tree.cache_clear()
    assert provenance.working_tree(tmp_path) == (None, None)


@pytest.fixture(autouse=True)
def _fresh_cache():
    yield
    provenance.working_tree.cache_clear()


@pytest.mark.parametrize(("value", "threads"), [("3", 3), ("2,4", 2)])
def test_threads_from_the_environment(monkeypatch, value, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert provenance.cpu_threads() == threads


@pytest.mark.parametrize("value", ["", "0", "many"])
def test_threads_of_the_machine(monkeypatch, value):
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert provenance.cpu_threads() >= 1
