"""What identifies image files by their bytes, remembered by all that a change of a file alters."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path

from clbench.errors import ClbenchError, DataError
from clbench.locking import locked
from clbench.results.checked import DamagedError, Identity, read_checked, write_checked
from clbench.streams.disk import cache_root
from clbench.streams.files.colours import identity, kind_of

__all__ = ["content_digests"]

log = logging.getLogger(__name__)

_TICK = 50_000_000
"""Nanoseconds within which two changes of a file may have one time; clocks of file systems tick every few
milliseconds."""

_COARSE_TICK = 2_000_000_000
"""The same where a file system counts whole seconds, or every second one."""

Known = dict[str, list[int | str]]


def content_digests(root: Path, files: Sequence[Path], cache: Path | None = None) -> tuple[str, ...]:
    """What identifies each file's image, as 64 hexadecimal digits, in order.

    It is the SHA-256 of its bytes; of an image that is converted before it is resized (a palette, 16 bits)
    that of its bytes and the kind, see :func:`clbench.streams.files.colours.identity`. A file is read again
    unless inode, size, time of change and time of status change are those it had: a copy that keeps size and
    time of the file that it replaces is another one. What is known lies under ``cache`` (default
    :func:`clbench.streams.cache_root`).

    Args:
        root: the folder that all files are below.
        files: what to read.

    Raises:
        DataError: a file cannot be read; names it.
    """
    place = str(root.resolve())
    index = (cache or cache_root()) / "contents" / f"{hashlib.sha256(place.encode()).hexdigest()[:24]}.json"
    whose = Identity("image digests", {"folder": place, "form": 2})
    known = _read(index, whose)
    kept: Known = {}
    digests = []
    for file in files:
        name = file.relative_to(root).as_posix()
        try:
            stamp = _stamp(file.stat())
            before = known.get(name)
            if before is not None and before[:-1] == stamp:
                digests.append(str(before[-1]))
                continue
            began = time.time_ns()
            with file.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").digest()
                stamp = _stamp(os.fstat(stream.fileno()))
        except OSError as error:
            raise DataError(f"{file} cannot be read", why=error.strerror or str(error)) from error
        digest = identity(content, kind_of(file)).hex()
        digests.append(digest)
        if began - stamp[-1] > (_TICK if stamp[-1] % 1_000_000_000 else _COARSE_TICK):
            kept[name] = [*stamp, digest]  # else the next change may not show
    if kept:
        _add(index, whose, kept)
    return tuple(digests)


def _stamp(state: os.stat_result) -> list[int]:
    return [state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns]


def _read(index: Path, whose: Identity) -> Known:
    if not index.exists():
        return {}
    try:
        known: Known = json.loads(read_checked(index, whose))
    except DamagedError as error:
        log.info("%s; the images are read again", error.line)
        return {}
    return known


def _add(index: Path, whose: Identity, found: Known) -> None:
    """Remember more, beside what other processes have found meanwhile."""
    try:
        with locked(index.with_suffix(".lock")):
            write_checked(index, json.dumps(_read(index, whose) | found).encode(), whose)
    except OSError as error:
        log.warning("%s: what the images hold cannot be remembered: %s", index, error.strerror or error)
    except ClbenchError as error:
        log.warning("%s: what the images hold cannot be remembered: %s", index, error.line)
