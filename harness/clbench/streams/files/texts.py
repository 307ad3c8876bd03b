"""Text files of users: with a byte-order mark or without, with any line ends, as tables or JSON Lines."""

from __future__ import annotations

import codecs
import csv
import json
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

from clbench.errors import DataError
from clbench.streams.files.names import normal

__all__ = ["read_lines", "read_rows", "read_text"]

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as UTF-16's does
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LINE_END = re.compile(r"\r\n|\n|\r")
_SEPARATORS = {".csv": ",", ".tsv": "\t"}


def read_text(file: Path) -> str:
    """The text of a file in UTF-8, or in what its byte-order mark says; composed (Unicode's NFC).

    Raises:
        DataError: it cannot be read, or is in another encoding; names the line.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataError(f"{file} cannot be read", why=error.strerror or str(error)) from error
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise _not_utf8(file, content, error) from error
    if "\0" in text:
        raise DataError(
            f"{file} is no text",
            why=f"it has a zero byte in line {_line(content, content.index(0))}, as UTF-16 has",
            fix=f"save it as UTF-8: iconv -f UTF-16LE -t UTF-8 {file.name} > NEW",
        )
    return normal(text)


def read_lines(file: Path) -> tuple[str, ...]:
    """The lines of a text file without blanks at both ends; empty ones are left out.

    Raises:
        DataError: see :func:`read_text`.
    """
    return tuple(line.strip() for line in _LINE_END.split(read_text(file)) if line.strip())


def read_rows(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of a table (.csv, .tsv) or of JSON Lines (.jsonl, an object a line), each with where it is.

    A row of a table may go over several lines inside quotes.

    Raises:
        DataError: see :func:`read_text`; or it is of another kind, or not what it seems to be.
    """
    suffix = file.suffix.lower()
    if suffix == ".jsonl":
        yield from _json_lines(file)
    elif suffix in _SEPARATORS:
        yield from _table(file, _SEPARATORS[suffix])
    else:
        raise DataError(
            f"{file} is no table", why=f"it ends in {suffix or 'nothing'}, not in .csv, .tsv or .jsonl"
        )


def _table(file: Path, separator: str) -> Iterator[tuple[str, dict[str, Any]]]:
    rows = csv.DictReader(StringIO(read_text(file), newline=""), delimiter=separator, strict=True)
    try:
        for row in rows:
            yield f"line {rows.line_num}", {str(name).strip(): value for name, value in row.items()}
    except csv.Error as error:
        raise DataError(f"line {rows.line_num} of {file} is not as in a table", why=str(error)) from error


def _json_lines(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    # JSON strings may hold U+2028 and other characters at which str.splitlines ends a line
    for number, line in enumerate(_LINE_END.split(read_text(file)), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"line {number} of {file} is not JSON", why=str(error)) from error
        if not isinstance(row, dict):
            raise DataError(f"line {number} of {file} is {type(row).__name__}, not an object such as {{…}}")
        yield f"line {number}", row


def _not_utf8(file: Path, content: bytes, error: UnicodeDecodeError) -> DataError:
    if error.encoding != "utf-8":
        return DataError(f"{file} is not {error.encoding} text, as its first bytes say", why=error.reason)
    begin = content.rfind(b"\n", 0, error.start) + 1
    guess = content[begin:].partition(b"\n")[0].decode("cp1252", errors="replace").strip()
    return DataError(
        f"{file} is not UTF-8 text",
        why=f"line {_line(content, error.start)} has the byte 0x{content[error.start]:02X}; "
        f"in Windows' encoding it would read {guess[:40]!r}",
        fix=f"save it as UTF-8 (in Excel: CSV UTF-8), or: iconv -f WINDOWS-1252 -t UTF-8 {file.name} > NEW",
    )


def _line(content: bytes, position: int) -> int:
    return content.count(b"\n", 0, position) + 1
