"""The door for files that the product writes and reads back: each carries a digest and says what it is.

A file is its content with a seal behind it: the identity of what it belongs to (its kind, the run's key, the
row, …) and the SHA-256 digest of both, as one line of JSON. Reading checks both, before anything looks at
the content, since neither ``torch.load`` nor memory maps would notice a changed bit. A file of another run,
row or kind is refused as a damaged one is. Formats that are read from their end (zip, and so ``.npz`` and
``.pt``) stay readable by other programs.

What cannot be computed again ends in the :class:`DamagedError` that reading raises. What can is healed::

    try:
        content = read_checked(path, identity)
    except DamagedError as error:
        log.warning("%s; it is computed again", error.line)
        content = compute()
        write_checked(path, content, identity)
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from clbench.errors import RecordError
from clbench.results.atomic import atomic_path

__all__ = ["DamagedError", "Identity", "check_file", "digest_of", "read_checked", "write_checked", "writing"]

_MAGIC = b"clbench1"
_TAIL = struct.Struct(">I8s")  # length of the seal's JSON, then the magic
_MOST = 2**16  # bytes of a seal
_CHUNK = 2**22


class DamagedError(RecordError):
    """A file is not as it was written, or it belongs to something else."""


@dataclass(frozen=True)
class Identity:
    """What a file is: its kind, and what it belongs to.

    Attributes:
        kind: of file, in words: ``row``, ``checkpoint``.
        of: whatever tells it from others of its kind: the run's key, the row's number.
    """

    kind: str
    of: Mapping[str, str | int]

    def encoded(self) -> bytes:
        """The same for equal identities."""
        return json.dumps({"kind": self.kind, "of": dict(self.of)}, sort_keys=True).encode()

    def __str__(self) -> str:
        return f"{self.kind} of {', '.join(f'{name} {value}' for name, value in sorted(self.of.items()))}"


def digest_of(value: object) -> str:
    """SHA-256 of ``value`` as JSON writes it: a long identity in one word."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


class _Hashed:
    """A file that is written from front to end, and the digest of what was written."""

    def __init__(self, file: IO[bytes], identity: Identity) -> None:
        self._file = file
        self.digest = _begun(identity)
        self.size = 0

    def write(self, content: bytes) -> int:
        self.digest.update(content)
        self.size += memoryview(content).nbytes
        return self._file.write(content)

    def flush(self) -> None:
        self._file.flush()


@contextmanager
def writing(path: Path, identity: Identity) -> Iterator[IO[bytes]]:
    """Write ``path`` piece by piece; it is there when the block ends well, and as it was if it raises."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        hashed = _Hashed(file, identity)
        yield cast(IO[bytes], hashed)
        said = json.loads(identity.encoded()) | {"bytes": hashed.size, "sha256": hashed.digest.hexdigest()}
        seal = json.dumps(said, sort_keys=True).encode()
        file.write(seal + _TAIL.pack(len(seal), _MAGIC))


def write_checked(path: Path, content: bytes, identity: Identity) -> None:
    """Write ``content`` to ``path`` at once."""
    with writing(path, identity) as file:
        file.write(content)


def read_checked(path: Path, identity: Identity, *, fix: str = "") -> bytes:
    """The content that was written to ``path``.

    Args:
        path: the file.
        identity: what it is to be.
        fix: what mends it, for the error.

    Raises:
        DamagedError: the file cannot be read, is not as it was written, or is another one.
    """
    try:
        with path.open("rb") as file:
            sealed = _seal(file, path, identity, fix)
            content = file.read(sealed.size)
    except OSError as error:
        raise _damaged(path, error.strerror or str(error), fix) from error
    digest = _begun(identity)
    digest.update(content)
    sealed.compare(digest.hexdigest())
    return content


def check_file(path: Path, identity: Identity, *, fix: str = "") -> None:
    """Read ``path`` back without keeping its content.

    Raises:
        DamagedError: see :func:`read_checked`.
    """
    digest = _begun(identity)
    try:
        with path.open("rb") as file:
            sealed = _seal(file, path, identity, fix)
            left = sealed.size
            while left and (chunk := file.read(min(left, _CHUNK))):
                digest.update(chunk)
                left -= len(chunk)
    except OSError as error:
        raise _damaged(path, error.strerror or str(error), fix) from error
    sealed.compare(digest.hexdigest())


@dataclass(frozen=True)
class _Seal:
    path: Path
    fix: str
    size: int
    sha256: str

    def compare(self, found: str) -> None:
        if found != self.sha256:
            raise _damaged(self.path, "its content is not what was written: the digest differs", self.fix)


def _begun(identity: Identity) -> hashlib._Hash:
    # The identity is in the digest: a changed bit in what a file says it is would be found, too.
    return hashlib.sha256(identity.encoded() + b"\0")


def _seal(file: IO[bytes], path: Path, identity: Identity, fix: str) -> _Seal:
    """Read the seal of an open file, check that it is of ``identity``, and go back to the file's begin."""
    whole = file.seek(0, os.SEEK_END)
    if whole < _TAIL.size:
        raise _damaged(path, "it is empty" if not whole else f"it has {whole} bytes only", fix)
    file.seek(whole - _TAIL.size)
    length, magic = _TAIL.unpack(file.read(_TAIL.size))
    size = whole - _TAIL.size - length
    if magic != _MAGIC or length > _MOST or size < 0:
        raise _damaged(path, "its end is missing or changed, or another version of clbench wrote it", fix)
    file.seek(size)
    try:
        said = json.loads(file.read(length))
        found = Identity(said["kind"], said["of"])
        encoded, written, digest = found.encoded(), said["bytes"], said["sha256"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(path, "what it says of itself is changed", fix) from error
    if encoded != identity.encoded():
        raise _damaged(path, f"it is the {found}, not the {identity}", fix)
    if written != size:
        raise _damaged(path, f"it holds {size} bytes where {written} were written", fix)
    file.seek(0)
    return _Seal(path, fix, size, str(digest))


def _damaged(path: Path, why: str, fix: str) -> DamagedError:
    return DamagedError(f"{path} cannot be used", why=why, fix=fix or f"delete {path} and run again")
