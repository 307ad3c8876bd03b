"""Records on disk: written atomically, read with clear errors, found under folders.

A run's folder holds ``record.json`` and, if they were kept, ``predictions.npz``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from clbench.errors import RecordError
from clbench.installing import how_to_upgrade
from clbench.results.atomic import atomic_write
from clbench.results.personal import without_passwords
from clbench.results.places import remember
from clbench.results.records import SCHEMA_VERSION, Record

__all__ = [
    "RECORD_FILE",
    "LoadedRecords",
    "Problem",
    "StoredRecord",
    "encode_record",
    "find_records",
    "load_records",
    "parse_record",
    "read_record",
    "write_record",
]

RECORD_FILE = "record.json"


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record and the file it was read from."""

    path: Path
    record: Record


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that is no good record, and why."""

    path: Path
    error: RecordError

    def __str__(self) -> str:
        return str(self.error)


@dataclass(frozen=True, slots=True)
class LoadedRecords:
    """The good records that were found, and the files that are not good."""

    stored: tuple[StoredRecord, ...]
    problems: tuple[Problem, ...]

    @property
    def records(self) -> tuple[Record, ...]:
        """The records alone."""
        return tuple(s.record for s in self.stored)


def write_record(path: Path, record: Record) -> Path:
    """Write ``record`` at once to ``path`` (or ``record.json`` in the folder ``path``); return the file.

    Passwords and tokens in it are not written, see :mod:`clbench.results.personal`.
    """
    if path.suffix != ".json":
        path = path / RECORD_FILE
    atomic_write(path, encode_record(without_passwords(record)))
    return path


def encode_record(record: Record) -> bytes:
    """Return what ``record.json`` holds."""
    return (record.model_dump_json(indent=1) + "\n").encode()


def read_record(path: Path) -> Record:
    """Read the record at ``path`` (or ``record.json`` in the folder ``path``).

    Raises:
        RecordError: the file is missing, is not JSON, has an unknown schema version, lacks a field, or
            contradicts itself.

    Where it lies is remembered, see :mod:`clbench.results.places`.
    """
    runs = [] if not path.is_dir() or (path / RECORD_FILE).exists() else find_records([path])
    if runs:
        raise RecordError(
            f"cannot read {path} as one run",
            why=f"it is a folder of {len(runs)} run{'s' if len(runs) > 1 else ''}",
            fix=f"name one, such as {runs[0].parent}",
        )
    if path.is_dir():
        path = path / RECORD_FILE
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RecordError(
            f"cannot read {path}",
            why=error.strerror or str(error),
            fix="name a record, or the folder of a run",
        ) from error
    return remember(parse_record(content, path), path.parent)


def parse_record(content: bytes, path: Path) -> Record:
    """Return the record that ``content``, read from ``path``, is.

    Raises:
        RecordError: see :func:`read_record`; names ``path``.
    """
    # Without the detour over Python objects reading is twice as fast; what went wrong is asked afterwards.
    try:
        return Record.model_validate_json(content)
    except ValidationError as error:
        raise _explained(path, content, error) from error


def find_records(paths: Iterable[Path]) -> list[Path]:
    """Return the record files that ``paths`` name: files as given, folders searched for ``record.json``.

    Each file once, those of a folder in sorted order; hidden folders are skipped.

    Raises:
        RecordError: a path does not exist.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        if path.is_dir():
            whole = path.resolve()
            for file in sorted(path.rglob(RECORD_FILE)):
                inner = file.relative_to(path)
                if not any(part.startswith(".") for part in inner.parts):
                    found.setdefault(whole / inner, file)
        elif path.exists():
            found.setdefault(path.resolve(), path)
        else:
            raise RecordError(
                f"there is nothing at {path}",
                why="it is neither a record nor a folder of records",
                fix="give the folder that `clbench run --out` wrote to",
            )
    return list(found.values())


def load_records(paths: Sequence[Path]) -> LoadedRecords:
    """Read every record under ``paths``; a bad one becomes a problem and never stops the others.

    Raises:
        RecordError: a path does not exist.
    """
    stored: list[StoredRecord] = []
    problems: list[Problem] = []
    for file in find_records(paths):
        try:
            stored.append(StoredRecord(file, read_record(file)))
        except RecordError as error:
            problems.append(Problem(file, error))
    return LoadedRecords(tuple(stored), tuple(problems))


def _explained(path: Path, content: bytes, error: ValidationError) -> RecordError:
    rerun = f"run the same command again to write it anew, or move {path} away"
    try:
        document: Any = json.loads(content)
    except (ValueError, RecursionError) as broken:
        return RecordError(f"{path} is not JSON", why=str(broken), fix=rerun)
    if not isinstance(document, dict):
        return RecordError(f"{path} is not a record", why="it is not a JSON object", fix=rerun)
    version = document.get("schema_version")
    if version != SCHEMA_VERSION:
        known = f"this clbench reads version {SCHEMA_VERSION}"
        if version is None:
            return RecordError(f"{path} is not a record", why="it has no schema_version", fix=rerun)
        newer = isinstance(version, int) and version > SCHEMA_VERSION
        return RecordError(
            f"{path} has schema version {version!r}",
            why=known,
            fix=how_to_upgrade("clbench") if newer else rerun,
        )
    details = error.errors(include_url=False)
    return RecordError(
        f"{path} is not a valid record", why="; ".join(_line(d) for d in details[:8]), fix=rerun
    )


def _line(detail: ErrorDetails) -> str:
    where = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "missing":
        return f"field {where} is missing"
    if detail["type"] == "extra_forbidden":
        return f"field {where} is unknown"
    message = detail["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if where else message
