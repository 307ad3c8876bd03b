"""What a described stream has beside its images: captions of a reference, groups of test images, names."""

from __future__ import annotations

from pathlib import Path

from clbench.errors import DataError
from clbench.streams.files.names import find, normal
from clbench.streams.files.texts import read_lines, read_rows
from clbench.streams.imagefolders import Folder

__all__ = ["read_captions", "read_groups", "read_names"]

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


def read_groups(file: Path, test: Folder) -> tuple[str | None, ...]:
    """The group of each test image, ``None`` for those that are alone: not in the table, or with no group.

    Args:
        file: a table with the columns ``file_name``, below the folder of test images, and ``group``.
        test: the test images.

    Raises:
        DataError: the table cannot be read, lacks a column, names an image twice or one that is not there.
    """
    fix = "give every row both columns: file_name, below the folder of test images, and group"
    position = {normal(path.relative_to(test.root).as_posix()): i for i, path in enumerate(test.files)}
    groups: list[str | None] = [None] * len(test.files)
    seen: set[int] = set()
    missing: list[str] = []
    for where, row in read_rows(file):
        lacking = [column for column in ("file_name", "group") if column not in row]
        if lacking:
            present = ", ".join(map(str, row)) or "nothing"
            raise DataError(
                f"{file} has no {' and no '.join(lacking)} in {where}", why=f"there is {present}", fix=fix
            )
        name, group = row["file_name"], row["group"]
        if not (isinstance(name, str) and name):
            raise DataError(f"file_name is empty or no text in {where} of {file}", fix=fix)
        image = position.get(normal(name.replace("\\", "/").removeprefix("./")))
        if image is None:
            missing.append(name)
            continue
        if image in seen:
            raise DataError(f"{file} names {name} twice, again in {where}", fix="an image is in one group")
        seen.add(image)
        text = "" if group is None else str(group).strip()
        groups[image] = text or None
    if missing:
        named = ", ".join(missing[:_MOST_NAMED])
        more = f" and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
        raise DataError(
            f"{file} names images that are not among the test images: {named}{more}",
            fix=f"name them as they lie below {test.root}, such as CLASS/001.jpg",
        )
    return tuple(groups)


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
