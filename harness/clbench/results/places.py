"""Where records were read from: predictions lie beside them, whatever way a record takes from there."""

from __future__ import annotations

import weakref
from pathlib import Path

from clbench.results.records import Record

__all__ = ["folder_of", "remember"]

_FOLDERS: dict[int, Path] = {}
"""By the identity of a record that is alive."""


def remember(record: Record, folder: Path) -> Record:
    """Remember that ``record`` was read from ``folder``, as long as it lives; return it."""
    known = id(record)
    if known not in _FOLDERS:
        weakref.finalize(record, _FOLDERS.pop, known, None)
    _FOLDERS[known] = folder
    return record


def folder_of(record: Record) -> Path | None:
    """Return the folder that ``record`` was read from; ``None`` for one that was not read."""
    return _FOLDERS.get(id(record))
