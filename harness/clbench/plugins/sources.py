"""The source code behind a contribution, which decides figures as settings do. Nothing is imported here."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

__all__ = ["code_digest", "package_folder"]

_HARNESS = "clbench"


@cache
def code_digest(reference: str, distribution: str = "") -> str:
    """Sixteen hexadecimal digits of the Python files of the package that ``reference`` is in.

    Packages of other plugins that the distribution depends on count as well. The harness's own code does
    not: a change of it that moves figures changes the protocol's fingerprint, or its version says so.

    Args:
        reference: ``"package.module:attribute"``.
        distribution: the installed package that gives it.

    Returns:
        Nothing (an empty string) for code of the harness, and where no file is found.
    """
    top = reference.partition(":")[0].partition(".")[0]
    if top == _HARNESS:
        return ""
    total = hashlib.sha256()
    names = [top, *sorted(_relatives(distribution) - {top})]
    files = [(name, *each) for name in names for each in _files(name)]
    for name, inner, path in files:
        # Line ends are the checkout's, not the author's.
        content = path.read_bytes().replace(b"\r\n", b"\n")
        total.update(f"{name}/{inner}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()[:16] if files else ""


def package_folder(module: str) -> Path | None:
    """The folder of the top-level package that ``module`` is in."""
    found = _found(module.partition(".")[0])
    return found if found is not None and found.is_dir() else None


def _files(top: str) -> list[tuple[str, Path]]:
    """Names inside the package, and files, of a package or a single module."""
    home = _found(top)
    if home is None:
        return []
    if home.is_file():
        return [(home.name, home)]
    found = [(path.relative_to(home).as_posix(), path) for path in home.rglob("*.py")]
    return sorted(each for each in found if "__pycache__" not in each[0])


def _found(top: str) -> Path | None:
    loaded = sys.modules.get(top)
    try:
        found = loaded.__spec__ if loaded is not None else importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return None
    if found is None:
        origin = getattr(loaded, "__file__", None)
        return Path(origin) if origin else None
    if found.submodule_search_locations:
        return Path(next(iter(found.submodule_search_locations))).resolve()
    return Path(found.origin) if found.origin and Path(found.origin).is_file() else None


def _relatives(distribution: str) -> set[str]:
    """Top-level packages of the plugins that a distribution depends on."""
    return {package for name in _needed(distribution, set()) for package in _packages(name)}


def _needed(distribution: str, seen: set[str]) -> set[str]:
    try:
        required = importlib.metadata.requires(distribution) or []
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return seen
    for line in required:
        name = re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0]
        if name not in seen and "extra ==" not in line and any(_packages(name)):
            seen.add(name)
            _needed(name, seen)
    return seen


def _packages(distribution: str) -> Iterator[str]:
    try:
        points = importlib.metadata.distribution(distribution).entry_points
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return
    for point in points:
        if point.group == _HARNESS:
            yield point.module.partition(".")[0]
