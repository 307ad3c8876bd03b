"""Locks between processes, also on file systems that have none.

All locks of the product are taken here. Where the operating system locks files (``flock`` and its likes), a
lock ends with its process, however that dies. Network mounts without such locks answer with an error
instead; there, a file made exclusively is the lock: it names process and machine, and one whose owner is
dead is taken over.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from clbench.errors import ClbenchError

__all__ = ["BusyError", "held", "locked", "process_lives"]

log = logging.getLogger(__name__)

_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
_without_locks: set[int] = set()
"""Devices (``st_dev``) that have no locks, as far as this process has seen."""


class BusyError(Exception):
    """Another process, or another thread of this one, has the lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"{path} is locked by another process")


@contextmanager
def locked(path: Path, *, wait: bool = True, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock ``path`` while the block runs.

    Args:
        path: of the lock's file, which is made, with its folders, and may stay. Where the file system has
            no locks, ``path`` with ``.held`` behind it is the lock.
        wait: until it is free; otherwise :class:`BusyError` is raised.
        waiting: told once if the lock is not free and is going to be waited for.

    Raises:
        BusyError: it is not free, and ``wait`` is false.
        ClbenchError: the file cannot be made: the file system is read-only, say.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = _acquired(path, wait, waiting)
    except OSError as error:
        raise _unlockable(path, error) from error
    try:
        yield
    finally:
        lock.release()


def held(path: Path) -> bool:
    """Whether another process, or another thread of this one, has the lock ``path`` now; makes no file."""
    if not path.exists() and not _owner_file(path).exists():
        return False
    try:
        with locked(path, wait=False):
            return False
    except BusyError:
        return True
    except ClbenchError:  # nobody can hold a lock where none can be made
        return False


def process_lives(pid: int) -> bool:
    """Whether a process of this machine has that number, a zombie not counted."""
    if pid <= 0:
        return False
    with suppress(OSError, IndexError):  # Linux tells more than a signal does
        state = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
        return state not in ("Z", "X")
    if os.name == "nt":
        return _lives_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is somebody else's
        return True
    return True


def _lives_on_windows(pid: int) -> bool:
    # os.kill would end it there.
    import ctypes

    kernel: Any = getattr(ctypes, "windll").kernel32  # noqa: B009 (unknown to type checkers elsewhere)
    handle = kernel.OpenProcess(0x1000, False, pid)
    if not handle:
        return False
    code = ctypes.c_ulong()
    kernel.GetExitCodeProcess(handle, ctypes.byref(code))
    kernel.CloseHandle(handle)
    return code.value == 259  # still active


def _acquired(path: Path, wait: bool, waiting: Callable[[], None] | None) -> BaseFileLock:
    device = path.parent.stat().st_dev
    if device not in _without_locks:
        try:
            # Not its own way out: that covers ENOSYS alone, and says nothing.
            return _taken(FileLock(path, fallback_to_soft=False), path, wait, waiting)
        except NotImplementedError:  # what filelock makes of ENOSYS
            pass
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        _without_locks.add(device)
        log.warning(
            "the file system of %s has no locks; files that name their process serve instead", path.parent
        )
    return _taken(SoftFileLock(_owner_file(path)), path, wait, waiting)


def _taken(lock: BaseFileLock, path: Path, wait: bool, waiting: Callable[[], None] | None) -> BaseFileLock:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if not wait:
            raise BusyError(path) from None
        if waiting is not None:
            waiting()
        lock.acquire()
    return lock


def _owner_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.held")


def _unlockable(path: Path, error: OSError) -> ClbenchError:
    reasons = {
        errno.EROFS: "the file system is read-only",
        errno.EACCES: "this user may not write there",
        errno.EPERM: "this user may not write there",
        errno.ENOSPC: "the disk is full",
        errno.EDQUOT: "the disk quota is used up",
        errno.ENOTDIR: "a part of its path is a file, not a folder",
        errno.EEXIST: "a part of its path is a file, not a folder",
        errno.ENAMETOOLONG: "its name is longer than the file system allows",
    }
    why = reasons.get(error.errno or 0, error.strerror or str(error))
    return ClbenchError(
        f"{os.fspath(path.parent)} cannot be worked in: its lock {path.name} cannot be made",
        why=why,
        fix="choose a folder that can be written to: --out for results, CLBENCH_CACHE for caches",
    )
