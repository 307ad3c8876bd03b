"""What is there for a while says whose it is, so that what killed processes leave is found and removed.

A name has the machine and the process in it: ``….1a2b3c4d-4711.x7d0a_9k.tmp``. Whoever makes the next thing
of the same kind removes those of dead processes of this machine, and those of other machines after a day.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from clbench.locking import process_lives

__all__ = ["owner", "remove_abandoned", "temporary_folder"]

_DAY = 86_400.0  # seconds
_OWNER = re.compile(r"(?:^|[.-])(?P<machine>[0-9a-f]{8})-(?P<pid>[0-9]{1,10})[.-]")


def owner() -> str:
    """Machine and process, as a part of a name; a full stop or a hyphen stands on both sides of it."""
    return f"{_machine()}-{os.getpid()}"


def remove_abandoned(paths: Iterable[Path]) -> None:
    """Remove files and folders that dead processes made, by their names; what cannot be removed stays."""
    with suppress(OSError):
        for path in paths:
            with suppress(OSError):
                if not _abandoned(path):
                    continue
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink()


@contextmanager
def temporary_folder(kind: str) -> Iterator[Path]:
    """A folder in the system's temporary one while the block runs; those of killed processes are removed.

    Args:
        kind: a word for its name, which begins with ``clbench-``.
    """
    home = Path(tempfile.gettempdir())
    remove_abandoned(home.glob(f"clbench-{kind}-*"))
    with tempfile.TemporaryDirectory(prefix=f"clbench-{kind}-{owner()}-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def _abandoned(path: Path) -> bool:
    found = _OWNER.search(path.name)
    if found and found["machine"] == _machine():
        return not process_lives(int(found["pid"]))
    # Of another machine, or of who knows whom.
    return time.time() - path.lstat().st_mtime > _DAY


@cache
def _machine() -> str:
    """Eight digits that tell this machine from others which may write to the same folder."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]
