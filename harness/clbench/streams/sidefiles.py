"""What a described stream has beside its tasks: captions of reference images, names of a class pool."""

from __future__ import annotations

from pathlib import Path

from clbench.errors import DataError
from clbench.streams.files.names import find
from clbench.streams.files.texts import read_lines, read_rows

__all__ = ["read_captions", "read_names"]

_COLUMNS = ("file_name", "text")
_MOST_NAMED = 3


def read_captions(file: Path, images: Path) -> tuple[tuple[Path, str], ...]:
    """Pairs of image and text from a table with columns ``file_name`` and ``text``.

    It is the ``metadata`` file of Hugging Face's image folders: .csv, .tsv, or .jsonl with an object a line.

    Raises:
        DataError: the table cannot be read, lacks a column, is empty, or names images that are not there.
    """
    pairs: list[tuple[Path, str]] = []
    missing: list[Path] = []
    for where, row in read_rows(file):
        lacking = [column for column in _COLUMNS if column not in row]
        if lacking:
            raise DataError(
                f"{file} has no {' and no '.join(lacking)} in {where}",
                why=f"there is {', '.join(map(str, row)) or 'nothing'}",
                fix="give every row both columns: file_name, below the folder of images, and text",
            )
        name, text = row["file_name"], row["text"]
        if not (isinstance(name, str) and name and isinstance(text, str) and text.strip()):
            raise DataError(
                f"file_name or text is empty or no text in {where} of {file}",
                fix="give every row both columns: file_name, below the folder of images, and text",
            )
        image = find(images, name)
        pairs.append((image, text))
        if not _is_file(image):
            missing.append(image)
    if missing:
        named = ", ".join(map(str, missing[:_MOST_NAMED]))
        more = f" and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
        raise DataError(f"{file} names images that are not there: {named}{more}")
    if not pairs:
        raise DataError(f"{file} has no captions")
    return tuple(pairs)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is too long, or has a NUL
        return False


def read_names(file: Path) -> tuple[str, ...]:
    """Class names from a text file, one a line; empty lines are passed over.

    Raises:
        DataError: it cannot be read, or has no names.
    """
    names = read_lines(file)
    if not names:
        raise DataError(f"{file} has no names")
    return names
