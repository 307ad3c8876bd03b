"""The zip archive of a submission: one way to write it, and nothing else is read."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Mapping

from clbench.results.predictions import DAMAGE, PREDICTIONS_FILE
from clbench.results.store import RECORD_FILE
from clbench.submissions.manifest import MANIFEST_FILE

__all__ = ["LARGEST", "LARGEST_FILE", "README_FILE", "ContainerError", "joined", "members_of"]

README_FILE = "README.md"

_MIB = 1 << 20
# Ten times what a stream of a hundred thousand test images needs.
LARGEST: Mapping[str, int] = {
    MANIFEST_FILE: 64 << 10,
    PREDICTIONS_FILE: 256 * _MIB,
    README_FILE: 256 << 10,
    RECORD_FILE: 32 * _MIB,
}
"""Bytes that a member may have, by its name; there are no other members."""
LARGEST_FILE = sum(LARGEST.values()) + 64 * 1024
_REQUIRED = (MANIFEST_FILE, PREDICTIONS_FILE, RECORD_FILE)


class ContainerError(ValueError):
    """Bytes are not an archive as :func:`joined` writes it; the message says in what."""


def joined(members: Mapping[str, bytes]) -> bytes:
    """Return the archive of ``members``; its every byte is decided by them."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # else it tells Windows from the rest
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, members[name])
    return buffer.getvalue()


def members_of(content: bytes) -> dict[str, bytes]:
    """Return the members of an archive; nothing is executed or unpacked, and nothing large is read.

    Raises:
        ContainerError: :func:`joined` did not write it.
    """
    if len(content) > LARGEST_FILE:
        raise ContainerError(f"it has {len(content):,} bytes, and the largest has {LARGEST_FILE:,}")
    try:
        members = _read(content)
    except ContainerError:
        raise
    except DAMAGE as error:
        raise ContainerError(f"as a zip archive it is damaged: {error}") from error
    if joined(members) != content:
        raise ContainerError("bytes between or around its members are not those of a submission")
    return members


def _read(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = archive.infolist()
        names = [entry.filename for entry in entries]
        for entry in entries:
            name = entry.filename
            if name not in LARGEST:
                raise ContainerError(f"it has a member {name!r}; the members are {', '.join(LARGEST)}")
            if names.count(name) > 1:
                raise ContainerError(f"it has {name} twice")
            if stat.S_ISLNK(entry.external_attr >> 16):
                raise ContainerError(f"{name} is a link")
            if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
                raise ContainerError(f"{name} is compressed, which clbench submit never does")
            if entry.file_size > LARGEST[name]:
                raise ContainerError(f"{name} has {entry.file_size:,} bytes of at most {LARGEST[name]:,}")
        missing = [name for name in _REQUIRED if name not in names]
        if missing:
            raise ContainerError(f"it lacks {', '.join(missing)}")
        return {name: archive.read(name) for name in sorted(names)}
