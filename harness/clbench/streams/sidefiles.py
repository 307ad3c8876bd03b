"""What a described stream has beside its tasks: captions of reference images, names of a class pool."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clbench.errors import DataError

__all__ = ["read_captions", "read_names"]

_MOST_NAMED = 3


def read_captions(file: Path, images: Path) -> tuple[tuple[Path, str], ...]:
    """Pairs of image and text from a table with columns ``file_name`` and ``text``.

    It is the ``metadata`` file of Hugging Face's image folders: .csv, .tsv, or .jsonl with an object a line.

    Raises:
        DataError: the table cannot be read, lacks a column, is empty, or names images that are not there.
    """
    pairs: list[tuple[Path, str]] = []
    missing: list[Path] = []
    for number, row in enumerate(_rows(file), start=1):
        name, text = row.get("file_name"), row.get("text")
        if not (isinstance(name, str) and name and isinstance(text, str) and text.strip()):
            raise DataError(
                f"row {number} of {file} has no file_name or no text",
                fix="give every row both columns: file_name, below the folder of images, and text",
            )
        image = images / name
        pairs.append((image, text))
        if not image.is_file():
            missing.append(image)
    if missing:
        named = ", ".join(map(str, missing[:_MOST_NAMED]))
        more = f" and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
        raise DataError(f"{file} names images that are not there: {named}{more}")
    if not pairs:
        raise DataError(f"{file} has no captions")
    return tuple(pairs)


def read_names(file: Path) -> tuple[str, ...]:
    """Class names from a text file, one a line; empty lines are passed over.

    Raises:
        DataError: it cannot be read, or has no names.
    """
    names = tuple(line.strip() for line in _text(file).splitlines() if line.strip())
    if not names:
        raise DataError(f"{file} has no names")
    return names


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    suffix = file.suffix.lower()
    lines = _text(file).splitlines()
    if suffix in (".csv", ".tsv"):
        yield from csv.DictReader(lines, delimiter="," if suffix == ".csv" else "\t")
    elif suffix == ".jsonl":
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
            except ValueError as error:
                raise DataError(f"line {number} of {file} is not JSON", why=str(error)) from error
            yield row if isinstance(row, dict) else {}
    else:
        raise DataError(f"captions are read from .csv, .tsv or .jsonl, not from {file}")


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{file} cannot be read", why=error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not UTF-8 text", why=str(error)) from error
