"""Where a record comes from: code, packages, plugins, machine, time. Imports no torch."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from clbench.results.records import Provenance

__all__ = ["PACKAGES", "collect", "cpu_threads", "package_versions", "working_tree"]

PACKAGES = (
    "clbench",
    "datasets",
    "diffusers",
    "numpy",
    "open_clip_torch",
    "pillow",
    "safetensors",
    "tokenizers",
    "torch",
    "torchvision",
    "transformers",
)
"""Distributions whose version can move a number."""


def collect(
    *,
    device: str,
    plugins: Mapping[str, str],
    threads: int | None = None,
    started: datetime | None = None,
    data: Mapping[str, str] | None = None,
) -> Provenance:
    """Return the provenance of a run that starts now.

    Args:
        device: the device in words, such as ``cpu`` or a GPU's product name.
        plugins: version by distribution name of the plugins in use.
        threads: CPU threads that computations use; guessed if not given.
        started: aware time of the start, if not now.
        data: where images were read from, by task, data set held out and reference data.
    """
    commit, dirty = working_tree(Path(__file__).parent)
    return Provenance(
        commit=commit,
        dirty=dirty,
        versions=package_versions(),
        plugins=dict(plugins),
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        device=device,
        threads=cpu_threads() if threads is None else threads,
        started=started or datetime.now(UTC),
        finished=None,
        data=dict(data or {}),
    )


def package_versions() -> dict[str, str]:
    """Return the versions of those :data:`PACKAGES` that are installed; nothing is imported."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def cpu_threads() -> int:
    """Return ``OMP_NUM_THREADS`` if it is set, else the number of CPUs this process may use."""
    wanted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    if sys.platform != "win32" and hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def working_tree(folder: Path) -> tuple[str | None, bool | None]:
    """Return the commit that ``folder`` is checked out from and whether tracked files were changed.

    (None, None) without git, outside of a work tree, or where git does not track the folder: a package
    installed into a virtual environment must not report the commit of the project around it.
    """
    try:
        if not _git(folder, "ls-files", "."):
            return None, None
        return _git(folder, "rev-parse", "HEAD"), bool(
            _git(folder, "status", "--porcelain", "--untracked-files=no")
        )
    except (OSError, subprocess.SubprocessError):
        return None, None


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout.strip()
