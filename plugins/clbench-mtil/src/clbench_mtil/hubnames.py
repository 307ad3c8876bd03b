"""Labels and file names of a copy on the hub, in torchvision's terms."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from clbench.errors import DataError, did_you_mean

from clbench_mtil.catalogue import counts_checked, data_set, official_names
from clbench_mtil.hubcopies import HubCopy

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["file_names", "labels_and_names"]


def labels_and_names(
    copy: HubCopy, table: Dataset, *, dropping: bool = True
) -> tuple[list[int], list[int], tuple[str, ...]]:
    """Rows that torchvision has, too, the label of each, and class names; both as torchvision has them.

    Args:
        copy: where ``table`` is from.
        table: rows of it.
        dropping: leave out the classes that torchvision leaves out.

    Raises:
        DataError: a column is missing, or a class is none of torchvision's.
    """
    given, found = _labels(copy, table)
    dropped = {_letters(name) for name in copy.drop}
    kept = [i for i, name in enumerate(given) if _letters(name) not in dropped]
    names = _official(copy, [given[i] for i in kept])
    place = {name: label for label, name in enumerate(names[1])}
    new = {old: place[name] for old, name in zip(kept, names[0], strict=True)}
    rows = [row for row, label in enumerate(found) if label in new or not dropping]
    return rows, [new.get(found[row], -1) for row in rows], tuple(names[1])


def file_names(
    copy: HubCopy,
    part: str,
    table: Dataset,
    rows: Sequence[int],
    labels: Sequence[int],
    classes: Sequence[str],
) -> list[str] | None:
    """Tell where torchvision has each of ``rows`` below the data root; ``None`` if the copy does not."""
    if not copy.file:
        return None
    values = table.data.column("image") if copy.name is None else table.data.column(copy.name)
    if copy.name is None:
        values = [path for chunk in values.chunks for path in chunk.field("path").to_pylist()]
    else:
        values = values.to_pylist()
    base = data_set(copy.key).images_in[0]
    found: list[str] = []
    for row, label in zip(rows, labels, strict=True):
        value = values[row]
        name = PurePosixPath(value).name if isinstance(value, str) else ""
        if name and "." not in name:
            name += ".jpg"
        folder = classes[label] if label >= 0 else copy.drop[0]
        if not re.fullmatch(copy.named.replace("{class}", re.escape(folder)), name):
            return None
        place = copy.file.replace("{class}", folder).replace("{letter}", folder[0])
        found.append(f"{base}/{place.replace('{part}', part).replace('{name}', name)}")
    # a name that comes twice tells nothing
    return found if len(set(found)) == len(found) else None


def _labels(copy: HubCopy, table: Dataset) -> tuple[list[str], list[int]]:
    """Class names as the copy has them, and the label of each row."""
    wanted = [name for name in (copy.label, copy.name) if name is not None]
    absent = [name for name in wanted if name not in table.column_names]
    if absent:
        raise DataError(
            f"{copy.shown} on the hub lacks the column {', '.join(absent)}",
            why=f"{copy.pinned} has {', '.join(table.column_names)}",
            fix="name the columns in a file given by CLBENCH_MTIL_HUB",
        )
    values: list[Any] = table.data.column(copy.label).to_pylist()
    names = getattr(table.features[copy.label], "names", None)
    if names is not None:
        return list(names), [int(value) for value in values]
    found = sorted({str(value) for value in values})
    place = {name: label for label, name in enumerate(found)}
    return found, [place[str(value)] for value in values]


def _official(copy: HubCopy, given: Sequence[str]) -> tuple[list[str], list[str]]:
    """torchvision's name of each of the classes ``given``, and all of them in torchvision's order."""
    official = official_names(copy.key)
    if not official:
        return list(given), list(given)
    if copy.names == "torchvision":
        if len(given) > len(official):
            raise _unlike(copy, f"it has {len(given)} classes, not {len(official)}")
        return list(official[: len(given)]), list(official)
    known = {_letters(name): name for name in official}
    unknown = [name for name in given if _letters(name) not in known]
    if unknown:
        near = did_you_mean(unknown[0], official)
        raise _unlike(
            copy,
            f"{', '.join(map(repr, unknown[:3]))}{' …' if len(unknown) > 3 else ''} "
            f"{'is' if len(unknown) == 1 else 'are'} none of them{f', {near[0]!r} is' if near else ''}",
        )
    named = [known[_letters(name)] for name in given]
    if counts_checked() and len(set(named)) != len(official):
        raise _unlike(copy, f"it has {len(set(named))} classes, not {len(official)}")
    return named, [name for name in official if name in set(named)]


def _unlike(copy: HubCopy, why: str) -> DataError:
    return DataError(
        f"the copy of {copy.shown} on the hub has other classes than torchvision",
        why=f"{copy.pinned}: {why}",
        fix="unset CLBENCH_MTIL_SOURCE and put the data into a folder",
    )


def _letters(name: str) -> str:
    """Letters and digits alone; of SUN397's "/a/abbey" without the folder of its letter."""
    if re.match(r"/[a-z]/", name):
        name = name[3:]
    return re.sub(r"[\W_]+", "", name).casefold()
