"""SHA-256 of files, remembered by name, size and time of change, as git does it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from clbench.errors import DataError
from clbench.results.atomic import atomic_write
from clbench.streams.disk import cache_root

__all__ = ["content_digests"]


def content_digests(root: Path, files: Sequence[Path], cache: Path | None = None) -> tuple[str, ...]:
    """The SHA-256 of each file's bytes, as hexadecimal digits, in order.

    A file is read again only when its size or time of change is another; what is known lies under ``cache``
    (default :func:`clbench.streams.cache_root`).

    Args:
        root: the folder that all files are below.
        files: what to read.

    Raises:
        DataError: a file cannot be read; names it.
    """
    home = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:24]
    index = (cache or cache_root()) / "contents" / f"{home}.json"
    known = _read(index)
    found: dict[str, list[int | str]] = {}
    for file in files:
        name = file.relative_to(root).as_posix()
        try:
            state = file.stat()
            stamp = [state.st_size, state.st_mtime_ns]
            before = known.get(name)
            if before is not None and before[:2] == stamp:
                found[name] = before
                continue
            with file.open("rb") as stream:
                found[name] = [*stamp, hashlib.file_digest(stream, "sha256").hexdigest()]
        except OSError as error:
            raise DataError(f"{file} cannot be read", why=error.strerror or str(error)) from error
    if any(known.get(name) != entry for name, entry in found.items()):
        atomic_write(index, json.dumps(known | found).encode())
    return tuple(str(found[file.relative_to(root).as_posix()][2]) for file in files)


def _read(index: Path) -> dict[str, list[int | str]]:
    try:
        known: dict[str, list[int | str]] = json.loads(index.read_bytes())
    except (OSError, ValueError):
        return {}  # not there yet, or damaged: everything is read again
    return known
