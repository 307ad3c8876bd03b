"""Why images are not where they are looked for, and what mends it without fetching all again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from clbench.streams.files.names import is_system, normal

__all__ = ["explain", "strays"]

_MOST_NAMED = 3
_LEVELS = 3  # that folders are looked for above and below where an image should be


def explain(absent: Sequence[str]) -> tuple[str, str]:
    """Why the first of ``absent`` is not there, and what mends it.

    Args:
        absent: paths of images that are not there, of one data set.
    """
    path = Path(absent[0])
    for look in (_backslashes, _otherwise_called, _nested):
        if found := look(path):
            return found
    parent = next(folder for folder in path.parents if folder.is_dir())
    return (
        f"there is no {_named(absent)}, and nothing like it in {parent}",
        f"unpack the archive once more over {parent}, or put the missing files there; "
        "those that are there are whole and can stay",
    )


def strays(home: Path) -> list[str]:
    """Files and folders that a system has left up to two levels below ``home``."""
    found: list[str] = []
    if not home.is_dir():
        return found
    with os.scandir(home) as entries:
        for entry in entries:
            if is_system(entry.name):
                found.append(entry.path)
            elif entry.is_dir():
                with os.scandir(entry.path) as inner:
                    found += [each.path for each in inner if is_system(each.name)]
    return sorted(found)


def _backslashes(path: Path) -> tuple[str, str] | None:
    for folder in path.parents:
        if folder.is_dir():
            named = [name for name in _names(folder) if "\\" in name]
            if not named:
                return None
            return (
                f"{folder} has files that are called with backslashes, such as {named[0]!r}, for folders",
                f"unpack the archive with another program (unzip, 7z), or move each file of {folder} to the "
                "folder that its name means; nothing need be fetched again",
            )
    return None


def _otherwise_called(path: Path) -> tuple[str, str] | None:
    """Another case or form of letters, or another suffix, of the file or of a folder above it."""
    for here in (path, *path.parents):
        if here.exists() or not here.parent.is_dir():
            continue
        alike = {here.name.casefold(), normal(here.name).casefold()}
        for name in _names(here.parent):
            same = normal(name).casefold() in alike
            if same or (here == path and Path(name).stem == here.stem):
                return (
                    f"{here.parent / name} is called otherwise than {here.name!r}",
                    f"rename it, and what else is called so: mv {here.parent / name} {here}",
                )
    return None


def _nested(path: Path) -> tuple[str, str] | None:
    """The folder of the images lies a level or more too deep."""
    tail = Path(path.parent.name) / path.name
    seen = next((folder for folder in path.parents if folder.is_dir()), None)
    folders = [seen] if seen else []
    for _ in range(_LEVELS):
        for folder in folders:
            for found in (folder / tail, folder / path.name):
                if found.is_file() and found != path:
                    inner, outer = found.parent, path.parent
                    while inner.name == outer.name and len(inner.parts) > len(outer.parts):
                        inner, outer = inner.parent, outer.parent
                    return (
                        f"it lies in {found}, not in {path.parent}",
                        f"move what is in {inner} to {outer}; nothing need be fetched again",
                    )
        folders = [folder / name for folder in folders for name in _names(folder) if (folder / name).is_dir()]
    return None


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 (names alone, of a hundred thousand files)
    except OSError:
        return []


def _named(absent: Sequence[str]) -> str:
    more = f" and {len(absent) - _MOST_NAMED:,} more" if len(absent) > _MOST_NAMED else ""
    return ", ".join(absent[:_MOST_NAMED]) + more
