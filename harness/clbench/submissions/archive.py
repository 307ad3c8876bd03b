"""One file with a record and its predictions: packed the same way to the byte, read without trusting it.

Passwords, tokens and paths of the machine are left out of the record, see :mod:`clbench.results.personal`.

``NAME.clbench.zip`` is a zip archive without compression, times or attributes, so that its content decides
every byte of it. Members: ``manifest.json`` (SHA-256 and size of the others), ``record.json``,
``predictions.npz``, and perhaps ``README.md``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from clbench import __version__
from clbench.errors import RecordError, SubmissionError
from clbench.results.atomic import atomic_write, fitting
from clbench.results.personal import fit_to_leave
from clbench.results.predictions import PREDICTIONS_FILE, check_digest
from clbench.results.records import Record
from clbench.results.store import RECORD_FILE, encode_record, parse_record, read_record
from clbench.submissions.container import (
    LARGEST,
    LARGEST_FILE,
    README_FILE,
    ContainerError,
    joined,
    members_of,
)
from clbench.submissions.manifest import MANIFEST_FILE, Manifest

__all__ = ["SUFFIX", "Submission", "file_name", "pack", "parse_submission", "read_submission", "safe_name"]

SUFFIX = ".clbench.zip"
_REPACK = "ask its author for the file that `clbench submit` wrote, or pack the run again"


@dataclass(frozen=True)
class Submission:
    """What one file holds.

    Attributes:
        name: the file's name.
        members: content by member, in the order of their names.
        content: the whole file.
    """

    name: str
    members: Mapping[str, bytes]
    content: bytes

    @property
    def sha256(self) -> str:
        """The digest to publish: whoever has it knows this content to the last bit."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def record(self) -> Record:
        """The record in it.

        Raises:
            RecordError: it is no valid record.
        """
        return parse_record(self.members[RECORD_FILE], Path(f"{self.name}:{RECORD_FILE}"))

    def write(self, folder: Path) -> Path:
        """Write the file to ``folder`` at once; return its path."""
        path = folder / self.name
        atomic_write(path, self.content)
        return path


def pack(run: Path, *, readme: Path | None = None) -> Submission:
    """Pack the finished run in the folder ``run``.

    A record with nothing personal in it stays as it is, to the byte.

    Args:
        run: the run's folder, or its ``record.json``.
        readme: a text about the run to put in.

    Raises:
        SubmissionError: the run is not finished, has no predictions, or a file is too large.
        RecordError: the record or the predictions cannot be read.
    """
    folder = run.parent if run.name == RECORD_FILE else run
    record = read_record(folder)
    again = "run the same command again: it goes on where it stopped"
    if record.status != "finished":
        raise SubmissionError(f"{folder} cannot be submitted", why=f"the run is {record.status}", fix=again)
    if record.predictions is None:
        raise SubmissionError(
            f"{folder} cannot be submitted",
            why="its record names no predictions, from which others could compute its figures",
            fix="run the same command again with another --out",
        )
    found = {RECORD_FILE: folder / RECORD_FILE, PREDICTIONS_FILE: folder / record.predictions.file}
    if readme is not None:
        found[README_FILE] = readme
    members = {name: _bytes(path, name) for name, path in found.items()}
    leaving = fit_to_leave(record)
    if leaving is not record:
        members[RECORD_FILE] = encode_record(leaving)
    check_digest(members[PREDICTIONS_FILE], record.predictions, found[PREDICTIONS_FILE])
    members[MANIFEST_FILE] = Manifest.of(members, clbench=__version__).to_json()
    members = {name: members[name] for name in sorted(members)}
    return Submission(file_name(leaving), members, joined(members))


def file_name(record: Record) -> str:
    """The name of a record's submission: readable, and unique by the run's key."""
    stream = record.stream
    parts = (
        record.method.name,
        stream.name,
        stream.order,
        record.backbone.name,
        f"seed{record.seed}",
        record.run_id[:10],
    )
    return safe_name("-".join(parts)) + SUFFIX


def safe_name(text: str) -> str:
    """A foreign text as the name of a file or folder: not hidden, nothing that leads elsewhere."""
    return fitting(re.sub(r"[^A-Za-z0-9._+-]+", "-", text).lstrip(".-") or "unnamed")


def read_submission(path: Path) -> Submission:
    """Read a submission: nothing in it is executed or unpacked, sizes are bounded before anything is read.

    Raises:
        SubmissionError: see :func:`parse_submission`; or there is no such file.
    """
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise _not_one(path, f"it has {size:,} bytes, and the largest has {LARGEST_FILE:,}")
        content = path.read_bytes()
    except OSError as error:
        fix = "give files that `clbench submit` wrote, or folders of runs"
        raise SubmissionError(f"cannot read {path}", why=error.strerror or str(error), fix=fix) from error
    return parse_submission(content, path)


def parse_submission(content: bytes, path: Path | str) -> Submission:
    """Return the submission that ``content``, read from ``path``, is.

    Raises:
        SubmissionError: it is no archive, has members that do not belong, is larger than any real one, or
            differs in a byte from what its content packs to; names ``path``.
    """
    try:
        members = members_of(content)
    except ContainerError as error:
        raise _not_one(path, str(error)) from error
    return Submission(str(path).replace("\\", "/").rpartition("/")[2], members, content)


def _bytes(path: Path, member: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RecordError(f"cannot read {path}", why=error.strerror or str(error)) from error
    if len(content) > LARGEST[member]:
        why = f"it has {len(content):,} bytes, and {member} may have {LARGEST[member]:,}"
        raise SubmissionError(f"{path} is too large for a submission", why=why)
    return content


def _not_one(path: Path | str, why: str) -> SubmissionError:
    return SubmissionError(f"{path} is not a submission as clbench submit writes it", why=why, fix=_REPACK)
