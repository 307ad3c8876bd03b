"""Folders that are read back as a whole: the digest of every file, in one more file."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from clbench.results.checked import DamagedError, Identity, read_checked, write_checked

__all__ = ["SEAL_FILE", "check_folder", "seal_folder"]

SEAL_FILE = "digests.json"
"""A sealed file, see :mod:`clbench.results.checked`: SHA-256 by path, as JSON."""


def seal_folder(folder: Path, identity: Identity) -> None:
    """Note the digests of all files that ``folder`` holds now."""
    write_checked(folder / SEAL_FILE, json.dumps(_digests(folder), sort_keys=True).encode(), identity)


def check_folder(folder: Path, identity: Identity) -> None:
    """Check that ``folder`` holds the files that it was sealed with, and is what ``identity`` says.

    Raises:
        DamagedError: a file is missing or changed, or it is another folder.
    """
    fix = f"delete {folder} and run again"
    wanted = json.loads(read_checked(folder / SEAL_FILE, identity, fix=fix))
    try:
        found = _digests(folder)
    except OSError as error:
        raise DamagedError(f"{folder} cannot be used", why=error.strerror or str(error), fix=fix) from error
    wrong = sorted(name for name, digest in wanted.items() if found.get(name) != digest)
    if wrong:
        raise DamagedError(
            f"{folder} cannot be used", why=f"changed since it was written: {', '.join(wrong[:3])}", fix=fix
        )


def _digests(folder: Path) -> dict[str, str]:
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != SEAL_FILE:
            with path.open("rb") as file:
                found[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return found
