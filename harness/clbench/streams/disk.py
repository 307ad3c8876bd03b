"""Folders of data and caches, and whether there is room in them."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from clbench.config.paths import user_path
from clbench.errors import DataError

__all__ = ["cache_root", "check_room", "data_root", "free_bytes", "gigabytes", "not_written"]

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def cache_root() -> Path:
    """Folder for what can be computed again: ``$CLBENCH_CACHE``, else the user's cache folder."""
    import platformdirs

    given = os.environ.get("CLBENCH_CACHE")
    return user_path(given, "CLBENCH_CACHE") if given else Path(platformdirs.user_cache_dir("clbench"))


def data_root() -> Path:
    """Folder with the user's data sets: ``$CLBENCH_DATA``, else ``data`` in the home folder."""
    given = os.environ.get("CLBENCH_DATA")
    return user_path(given or "~/data", "CLBENCH_DATA")


def free_bytes(path: Path) -> int:
    """Bytes that are free on the disk of ``path``, which need not exist yet."""
    place = path.absolute()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def gigabytes(size: int) -> str:
    """A number of bytes for people: ``1.50 GB``, ``0.30 MB``."""
    return f"{size / 1e9:,.2f} GB" if size >= 10**7 else f"{size / 1e6:,.2f} MB"


def check_room(path: Path, size: int, what: str) -> None:
    """Refuse to begin what cannot end: ``size`` bytes of ``what`` must fit on the disk of ``path``.

    Raises:
        DataError: they do not; says how many are needed and how many are free.
    """
    free = free_bytes(path)
    if size > free:
        raise DataError(
            f"there is no room for {what} in {path}",
            why=f"{gigabytes(size)} are needed, {gigabytes(free)} are free",
            fix=_room_fix(path),
        )


def not_written(path: Path, needed: int, error: OSError) -> DataError:
    """The error for a file that could not be written, ``needed`` bytes of which were still to come."""
    if error.errno in _FULL:
        why = f"{error.strerror}: {gigabytes(needed)} are needed, {gigabytes(free_bytes(path))} are free"
    else:
        why = error.strerror or str(error)
    return DataError(f"{path} cannot be written", why=why, fix=_room_fix(path))


def _room_fix(path: Path) -> str:
    if path.absolute().is_relative_to(cache_root().absolute()):
        return "free disk space, or set CLBENCH_CACHE to a folder with room; then run the command again"
    if path.absolute().is_relative_to(data_root().absolute()):
        return "free disk space, or set CLBENCH_DATA to a folder with room; then run the command again"
    return "free disk space; then run the command again"
