"""Names of files and folders in one form, and those that operating systems leave behind."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

__all__ = ["composed", "find", "is_system", "normal"]

_SYSTEM = frozenset(
    name.casefold()
    for name in (
        *("__MACOSX", ".DS_Store", ".AppleDouble", ".Spotlight-V100", ".Trashes", ".fseventsd"),  # macOS
        *("Thumbs.db", "ehthumbs.db", "desktop.ini", "$RECYCLE.BIN", "System Volume Information"),  # Windows
        *("@eaDir", "#recycle", "#snapshot", "@Recycle", ".@__thumb", "lost+found"),  # network drives
        ".ipynb_checkpoints",
    )
)


def is_system(name: str) -> bool:
    """Whether an operating system, a network drive or an archiver leaves files or folders of this name."""
    return name.casefold() in _SYSTEM or name.startswith(("._", ".nfs", "~$"))


def normal(name: str) -> str:
    """The name composed (Unicode's NFC): macOS hands names on decomposed, which look the same."""
    return unicodedata.normalize("NFC", name)


def composed(value: Any) -> Any:
    """The same value with all texts in it :func:`normal`; of mappings and lists, all levels."""
    if isinstance(value, str):
        return normal(value)
    if isinstance(value, Mapping):
        return {composed(key): composed(inner) for key, inner in value.items()}
    return [composed(inner) for inner in value] if isinstance(value, list) else value


def find(home: Path, given: Path | str) -> Path:
    r"""The path ``given``, seen from ``home``, with the spelling that it has on the disk.

    Names of another Unicode form are found, and paths with backslashes. Where there is nothing of that name,
    it is returned as it was given.
    """
    exact = home / given
    if _exists(exact):
        return exact
    for path in (PurePosixPath(given), PureWindowsPath(given)):
        found = home
        for part in path.parts:
            found = found / part if _exists(found / part) else _alike(found, part)
        if _exists(found):
            return found
    return exact


def _exists(path: Path) -> bool:
    """Whether it is there; a name that no file system can hold is not."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _alike(folder: Path, name: str) -> Path:
    """What ``folder`` has under a name that is the same in Unicode's composed form."""
    wanted = normal(name)
    try:
        return next(each for each in folder.iterdir() if normal(each.name) == wanted)
    except (OSError, StopIteration):
        return folder / name
