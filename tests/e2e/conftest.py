"""Packages built and installed beside the repository, and the command line in a process of its own."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

TINY_PACKAGE = """
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "clbench-tiny"
version = "1.0"
dependencies = ["clbench"]

[project.entry-points.clbench]
tiny = "clbench.testing.tiny_plugin"

[tool.setuptools]
packages = []
"""


def install(sources: list[Path], target: Path) -> None:
    """Build packages and install them into the folder ``target``, without a network."""
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv:
        command = [uv, "pip", "install", "--offline", "--python", sys.executable]
    elif importlib.util.find_spec("pip"):
        command = [sys.executable, "-m", "pip", "install", "--no-index"]
    else:
        pytest.skip("neither uv nor pip is here")
    if not importlib.util.find_spec("setuptools"):
        pytest.skip("setuptools is not here, which builds the packages")
    command += ["--quiet", "--no-deps", "--no-build-isolation", "--target", str(target), *map(str, sources)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def install_by_hand(tmp_path):
    """Write what an installer would: a module, and metadata with an entry point of group ``clbench``."""

    def write(distribution: str, module: str, text: str) -> Path:
        target = tmp_path / "by-hand"
        info = target / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[clbench]\n{module} = {module}\n")
        (target / f"{module}.py").write_text(text)
        return target

    return write


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    """A folder with the example package and one that gives the tiny stream, both built and installed."""
    home = tmp_path_factory.mktemp("outside")
    shutil.copytree(
        ROOT / "examples" / "clbench-example",
        home / "clbench-example",
        ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"),
    )
    (home / "clbench-tiny").mkdir()
    (home / "clbench-tiny" / "pyproject.toml").write_text(TINY_PACKAGE)
    install([home / "clbench-example", home / "clbench-tiny"], home / "site")
    return home / "site"


@pytest.fixture
def clbench(site, tmp_path, tmp_path_factory):
    """Run ``clbench …`` in ``tmp_path``; ``sites`` are searched for packages besides the environment."""
    cache = tmp_path_factory.getbasetemp() / "e2e-cache"

    def run(*words, sites=(site,), code=0):
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, sites)),
            "CLBENCH_CACHE": str(cache),
            "OMP_NUM_THREADS": "1",
        }
        start = "from clbench.cli import main; main(prog_name='clbench')"
        done = subprocess.run(
            [sys.executable, "-c", start, *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
        return done

    return run
