"""Commands that install or upgrade a package, as messages name them: each works where it is read.

Where a package came from is what its installer noted (PEP 610, ``direct_url.json``). The official plugins
come from where clbench came from: a checkout, a git address, an archive beside it, or an index.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
import shlex
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path

__all__ = ["how_to_install", "how_to_install_extra", "how_to_upgrade"]

_HARNESS = "clbench"


@dataclass(frozen=True)
class _Origin:
    """Where a package came from: a folder, or an address of a version control system; neither: an index."""

    folder: Path | None = None
    address: str = ""


def how_to_install(distribution: str) -> str:
    """The command that installs one of clbench's own packages, which is not installed yet.

    Of a package that is no plugin of clbench's repository, only its name is known.
    """
    origin = _origin(_HARNESS)
    if not _official(distribution):
        return f"pip install {distribution}"
    if origin.folder is not None and (folder := origin.folder / "plugins" / distribution).is_dir():
        return f"pip install -e {_quoted(folder)}"
    if origin.address:
        return f'pip install "{distribution} @ {origin.address}#subdirectory=plugins/{distribution}"'
    return f"pip install {distribution}"


def how_to_upgrade(distribution: str) -> str:
    """The command that brings an installed package up to date, where it came from."""
    origin = _origin(distribution)
    if origin.folder is not None:
        root = next(
            (folder for folder in (origin.folder, *origin.folder.parents) if (folder / ".git").exists()), None
        )
        return f"git -C {_quoted(root)} pull" if root else f"bring {_quoted(origin.folder)} up to date"
    if origin.address:
        part = (
            f"#subdirectory=plugins/{distribution}"
            if _official(distribution) and distribution != _HARNESS
            else ""
        )
        return f'pip install --upgrade "{distribution} @ {origin.address}{part}"'
    return f"pip install --upgrade {distribution}"


def how_to_install_extra(extra: str) -> str:
    """The command that installs what the extra ``clbench[EXTRA]`` stands for, by the packages' own names.

    Raises:
        ValueError: clbench has no such extra.
    """
    from packaging.requirements import Requirement

    wanted = [Requirement(line) for line in importlib.metadata.requires(_HARNESS) or ()]
    found = [
        f"{each.name}{each.specifier}"
        for each in wanted
        if each.marker is not None and not each.marker.evaluate() and each.marker.evaluate({"extra": extra})
    ]
    if not found:
        raise ValueError(f"clbench has no extra {extra!r}")
    return f"pip install {shlex.join(found)}"


def _official(distribution: str) -> bool:
    from clbench.plugins.catalogue import CATALOGUE

    return distribution == _HARNESS or any(distribution in names.values() for names in CATALOGUE.values())


def _origin(distribution: str) -> _Origin:
    """What the installer noted of a package; nothing where it came from an index, or is not installed."""
    try:
        said = json.loads(importlib.metadata.distribution(distribution).read_text("direct_url.json") or "{}")
        url = str(said.get("url", ""))
        if "vcs_info" in said:
            return _Origin(address=f"{said['vcs_info']['vcs']}+{_without_password(url)}")
        if "dir_info" in said:
            folder = Path(urllib.request.url2pathname(urllib.parse.urlsplit(url).path))
            return _Origin(folder=folder) if folder.is_dir() else _Origin()
    except (
        importlib.metadata.PackageNotFoundError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        OSError,
    ):
        pass
    return _Origin()


def _without_password(url: str) -> str:
    return re.sub(r"(?<=://)[^/@]*@", "", url)


def _quoted(path: Path) -> str:
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) and path != here else path))
