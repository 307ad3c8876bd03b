"""Files that are either whole or not there, whatever moment the process dies in."""

from __future__ import annotations

import glob
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from clbench.temporary import owner, remove_abandoned

__all__ = ["atomic_path", "atomic_write", "fitting"]

_LONGEST = 200


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; when the block ends well, it replaces ``path``.

    The content is on disk before the name is: after a crash there is the old file or the new one, never
    half of one. If the block raises, ``path`` is left as it was. Parent folders are made. Temporary files of
    ``path`` that a process left when it was killed are removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{fitting(path.name)}."
    remove_abandoned(path.parent.glob(f"{glob.escape(prefix)}*.tmp"))
    handle, name = tempfile.mkstemp(prefix=f"{prefix}{owner()}.", suffix=".tmp", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        # mkstemp makes files that only their owner may read; results are meant to be shared.
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
        _sync_folder(path.parent)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def atomic_write(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` at once; see :func:`atomic_path`."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def fitting(name: str) -> str:
    """Return the name of a file or folder, cut where file systems cut; what is cut stays apart by a digest.

    They allow 255 bytes; the rest is left for suffixes and for names of temporary files.
    """
    encoded = os.fsencode(name)
    if len(encoded) <= _LONGEST:
        return name
    digest = hashlib.sha256(encoded).hexdigest()[:10]
    return f"{encoded[: _LONGEST - 11].decode(errors='ignore')}-{digest}"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    # Makes the rename itself survive a power cut. Not every system can open a folder.
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
