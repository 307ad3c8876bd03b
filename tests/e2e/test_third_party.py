"""A method as a package outside the repository: installed, listed, run, and checked by its own tests."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "clbench-example"
SMALL = ("--set", "l2-sp.iterations=3", "--set", "l2-sp.batch_size=6", "--set", "l2-sp.lr=0.001")


def test_it_imports_nothing_but_clbench_and_what_clbench_needs():
    import ast

    names = set()
    for path in (EXAMPLE / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add((node.module or "").split(".")[0])
    assert names <= {"clbench", "clbench_example", "pydantic", "torch"}


def test_it_is_listed_and_shown(clbench, site):
    assert "l2-sp" not in clbench("list", "methods", sites=()).stdout
    listed = [line for line in clbench("list", "methods").stdout.splitlines() if line.startswith("l2-sp")]
    assert len(listed) == 1
    assert "clbench-example" in listed[0]
    shown = clbench("show", "method", "l2-sp").stdout
    assert "strength of the pull to the pre-trained weights" in shown
    assert "Davoine" in shown


@pytest.mark.slow
def test_it_runs_beside_others_and_is_recorded(clbench, tmp_path):
    command = ("run", "--methods", "zero-shot,l2-sp", "--stream", "tiny", "--device", "cpu", *SMALL)
    first = clbench(*command).stdout
    for name in ("zero-shot", "l2-sp"):
        assert len(re.findall(rf"^{name} .* tiny .*\d\.\d\d$", first, re.MULTILINE)) == 1
    (path,) = (tmp_path / "runs").glob("*/l2-sp-*/record.json")
    record = json.loads(path.read_text())
    assert record["status"] == "finished"
    assert (record["method"]["distribution"], record["method"]["version"]) == ("clbench-example", "1.0")
    assert record["method"]["settings"]["iterations"] == 3
    assert record["method"]["settings_sources"]["alpha"] == "default"
    (matrix,) = [rows for space, rows in record["matrices"].items() if space == "task"]
    assert [len(row) for row in matrix] == [3, 3, 3]
    before = path.read_bytes()
    clbench(*command)
    assert path.read_bytes() == before
    table = clbench("leaderboard", "runs", "--format", "csv").stdout.splitlines()
    assert len(table) == 3


def _audited(done: subprocess.CompletedProcess[str]) -> None:
    """A method that scores an image by itself answers the same in all batches."""
    rows = [line.split() for line in done.stdout.splitlines() if re.match(r"(natural|mixed|single) ", line)]
    assert {row[0] for row in rows} == {"natural", "mixed", "single"}, done.stdout
    assert len({tuple(row[1:2]) for row in rows}) == 1, done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_its_runs_are_audited_in_a_process_of_their_own(clbench, tmp_path):
    clbench("run", "--methods", "l2-sp", "--stream", "tiny", "--device", "cpu", *SMALL)
    (run,) = (tmp_path / "runs").glob("*/l2-sp-*")
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    _audited(clbench("audit", str(run)))
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    without = clbench("audit", str(run), sites=(), code=2).stderr
    assert "unknown method 'l2-sp'" in without
    assert "Traceback" not in without


@pytest.mark.slow
def test_a_run_of_a_plugin_in_a_file_is_audited_with_that_file(clbench, tmp_path):
    text = """
from clbench import FineTuning, MethodSpec, hookimpl


class Idle(FineTuning):
    def learn(self, task):
        pass


@hookimpl
def clbench_methods():
    settings = "clbench.methods.settings:Settings"
    return [MethodSpec(name="idle", title="Idle", summary="idles", factory="idle:Idle", settings=settings)]
"""
    (tmp_path / "idle.py").write_text(text)
    clbench("run", "--plugin", "idle.py", "--methods", "idle", "--stream", "tiny", "--device", "cpu")
    (run,) = (tmp_path / "runs").glob("*/idle-*")
    _audited(clbench("audit", "--plugin", "idle.py", str(run)))


@pytest.mark.slow
def test_its_own_tests_pass(site, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLE / "tests")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "failed" not in done.stdout
    assert " passed" in done.stdout
