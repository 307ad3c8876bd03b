"""Whether a folder can hold records, asked before anything is loaded; nothing is made."""

from __future__ import annotations

import os
from pathlib import Path

from clbench.errors import ConfigError

__all__ = ["output_problem", "unwritable"]

_ROOM = 2**20  # bytes without which not even a record can be written
_DEEPER = 600  # bytes of a path below the folder of records
_FIX = "choose another folder: --out FOLDER"


def output_problem(out: Path) -> ConfigError | None:
    """Why ``out`` can hold no records, not even such as are there already; ``None`` if it can."""
    try:
        nearest, rest = _nearest(out)
        if not nearest.is_dir():
            what = "is a file" if nearest == out else f"lies in {nearest}, which is a file"
            return ConfigError(f"--out {out} {what}", why="records are kept in a folder", fix=_FIX)
        if rest:
            first = nearest / rest[0]
            if first.is_symlink():
                return ConfigError(f"--out {out}: {first} is a link to a place that is not there", fix=_FIX)
            longest = _limit(nearest, "PC_NAME_MAX", 255)
            if any(len(os.fsencode(part)) > longest for part in rest):
                return ConfigError(
                    f"--out {str(out)[:60]}… has a name of more than {longest} bytes",
                    why="the file system allows no more",
                    fix=_FIX,
                )
        most = _limit(nearest, "PC_PATH_MAX", 4096)
        if len(os.fsencode(out.absolute())) + _DEEPER > most:
            return ConfigError(
                f"--out {str(out)[:60]}… is too deep",
                why=f"the system allows paths of {most} bytes",
                fix=_FIX,
            )
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return ConfigError(f"--out {str(out)[:200]!r} cannot be a folder", why=why, fix=_FIX)
    return None


def unwritable(out: Path) -> str:
    """Why nothing new can be written to ``out``; empty if it can be.

    ``out`` is one that :func:`output_problem` finds no fault with.
    """
    nearest, _ = _nearest(out)
    read_only = full = False
    if hasattr(os, "statvfs"):
        system = os.statvfs(nearest)
        read_only = bool(system.f_flag & os.ST_RDONLY)
        full = system.f_blocks > 0 and system.f_bavail * system.f_frsize < _ROOM
    if read_only:
        return "the file system is read-only"
    if not os.access(nearest, os.W_OK | os.X_OK):
        return f"this user may not write to {nearest}"
    return "the disk is full" if full else ""


def _nearest(out: Path) -> tuple[Path, tuple[str, ...]]:
    """What is there of a path, and the parts that are not."""
    for there in (out, *out.parents):
        try:
            there.stat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        return there, out.parts[len(there.parts) :] if there != Path() else out.parts
    return Path(), out.parts


def _limit(folder: Path, name: str, usual: int) -> int:
    try:
        return os.pathconf(folder, name)
    except (AttributeError, OSError, ValueError):
        return usual
