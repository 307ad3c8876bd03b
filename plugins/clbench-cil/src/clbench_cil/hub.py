"""The data sets from the Hugging Face hub, at pinned commits, in the order of the folders."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from clbench.errors import DataError, UnknownNameError
from clbench_mtil.hubcopies import HubCopy
from clbench_mtil.hubtables import fetched, load
from clbench_mtil.samples import Collection, Samples, TableSamples

from clbench_cil.catalogue import DOMAINS, TITLES, document, domain_classes, tiny_wnids
from clbench_cil.layouts import FOLDERS, PARTS, Key, Part, place, rank

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["hub_copy", "origin", "read_domain", "read_imagenet", "read_tinyimagenet", "source_name"]

_SOURCES = ("folder", "hub", "hub-any")
_FIX = (
    "check the connection (and, where the data set's page asks for consent, give it and log in with "
    "`hf auth login`), or unset CLBENCH_CIL_SOURCE and put the data into a folder"
)


def source_name() -> str:
    """Where images are read from, ``CLBENCH_CIL_SOURCE``: ``folder``, ``hub`` or ``hub-any``.

    ``hub-any`` also takes a copy that keeps no names of files, in its own order, as another data set.
    """
    given = os.environ.get("CLBENCH_CIL_SOURCE", "folder")
    if given not in _SOURCES:
        raise UnknownNameError("source of data (CLBENCH_CIL_SOURCE)", given, _SOURCES)
    return given


def origin(key: Key) -> str:
    """Repository and commit."""
    entry = document("hub.toml")[key]
    return f"{entry['path']} at {entry['revision']}"


def hub_copy(key: Key) -> HubCopy:
    """The copy of a data set, in clbench-mtil's terms."""
    entry = document("hub.toml")[key]
    fields = {name: entry[name] for name in ("path", "config", "revision", "image", "label", "gigabytes")}
    splits = {part: (name,) for part, name in entry["splits"].items()}
    return HubCopy(key=key, title=TITLES[key], splits=splits, **fields)


def read_tinyimagenet(copies: Path | None = None) -> Collection:
    """TinyImageNet; its validation images are those to test.

    Args:
        copies: a folder with clones of the repositories, by their names, to be read instead of the hub.

    Raises:
        DataError: it cannot be fetched, or is not what was expected.
    """
    renamed = document("hub.toml")["tinyimagenet"]["renamed"]
    label = {wnid: number for number, wnid in enumerate(tiny_wnids())}

    def of_row(table: Dataset) -> list[int]:
        names = [renamed.get(name, name) for name in table.features["label"].names]
        unknown = sorted(set(names) - set(label))
        if unknown:
            raise _unlike("tinyimagenet", f"{', '.join(unknown[:3])} are none of its classes")
        return [label[names[number]] for number in table["label"]]

    parts: dict[str, Samples] = {
        part: _read("tinyimagenet", part, copies, of_row, tiny_wnids()) for part in PARTS
    }
    return Collection(tiny_wnids(), parts, origin("tinyimagenet"))


def read_imagenet(wnids: Sequence[str], copies: Path | None = None) -> Collection:
    """The first classes ``wnids`` of ImageNet, whose labels are those of the sorted WordNet numbers.

    Raises:
        DataError: see :func:`read_tinyimagenet`; the repository asks for a consent that is given on its page.
    """

    def of_row(table: Dataset) -> list[int]:
        return [number if number < len(wnids) else -1 for number in table["label"]]

    parts: dict[str, Samples] = {part: _read("imagenet", part, copies, of_row, wnids) for part in PARTS}
    return Collection(tuple(wnids), parts, origin("imagenet"))


def read_domain(domain: str, copies: Path | None = None) -> Collection:
    """A domain of DomainNet.

    Raises:
        DataError: see :func:`read_tinyimagenet`.
    """
    column = document("hub.toml")["domainnet"]["domain"]

    def of_row(table: Dataset) -> list[int]:
        names = getattr(table.features[column], "names", None) or list(DOMAINS)
        if domain not in names:
            raise _unlike("domainnet", f"it has the domains {', '.join(names)}")
        wanted = (names.index(domain), domain)
        return [
            number if of in wanted else -1 for number, of in zip(table["label"], table[column], strict=True)
        ]

    classes = [f"{domain}/{name}" for name in domain_classes()]
    parts: dict[str, Samples] = {part: _read("domainnet", part, copies, of_row, classes) for part in PARTS}
    return Collection(domain_classes(), parts, origin("domainnet"))


def _read(
    key: Key, part: Part, copies: Path | None, of_row: Callable[[Dataset], list[int]], classes: Sequence[str]
) -> TableSamples:
    """The rows that ``of_row`` gives a label of 0 or more, in the folder's order."""
    table = _load(key, part, copies)
    labels = of_row(table.remove_columns("image"))
    rows = [row for row, label in enumerate(labels) if label >= 0]
    names = _file_names(key, part, table, rows, [labels[row] for row in rows], classes)
    if names is None:
        if source_name() != "hub-any":
            raise DataError(
                f"{TITLES[key]} from the hub cannot be brought into the folder's order",
                why=f"{origin(key)} keeps no names of files with its images",
                fix="put the data into a folder and unset CLBENCH_CIL_SOURCE, or take them in the copy's own "
                "order, as another data set: CLBENCH_CIL_SOURCE=hub-any",
            )
        return TableSamples(table.select_columns(["image"]), [labels[row] for row in rows], rows)
    order = sorted(range(len(rows)), key=lambda i: rank(key, part, labels[rows[i]], names[i]))
    everywhere = [""] * len(table)
    for row, name in zip(rows, names, strict=True):
        everywhere[row] = name
    chosen = [rows[i] for i in order]
    return TableSamples(table.select_columns(["image"]), [labels[row] for row in chosen], chosen, everywhere)


def _load(key: Key, part: Part, copies: Path | None) -> Dataset:
    """The rows of a split, images undecoded in the column ``image``; nothing is fetched unless asked for."""
    copy = hub_copy(key)
    if copies is None and not fetched(copy):
        raise DataError(
            f"{TITLES[key]} has not been fetched from the hub",
            why=f"{origin(key)}: not on disk, and nothing is downloaded unless asked for",
            fix=f"CLBENCH_CIL_SOURCE=hub clbench prepare cil --fetch --only {key}",
        )
    try:
        table = load(copy, copy.splits[part], copies)
    except DataError as error:
        raise DataError(error.what, why=error.why, fix=_FIX) from error
    return table if copy.label == "label" else table.rename_column(copy.label, "label")


def _file_names(
    key: Key, part: Part, table: Dataset, rows: Sequence[int], labels: Sequence[int], classes: Sequence[str]
) -> list[str] | None:
    """Where the folder has each of ``rows``, below the data root; ``None`` if the copy does not tell."""
    pattern = re.compile(document("hub.toml")[key]["named"][part])
    kept = [path for chunk in table.data.column("image").chunks for path in chunk.field("path").to_pylist()]
    found = []
    for row, label in zip(rows, labels, strict=True):
        match = pattern.fullmatch((kept[row] or "").rpartition("/")[2])
        if match is None:
            return None
        file, of = match["file"], classes[label]
        if key == "imagenet":
            file += ".JPEG"
        inside = f"{of}/{file}" if key == "domainnet" else place(key, part, of, file)
        found.append(f"{FOLDERS[key][0]}/{inside}")
    # a name that comes twice tells nothing
    return found if len(set(found)) == len(found) else None


def _unlike(key: Key, why: str) -> DataError:
    return DataError(
        f"the copy of {TITLES[key]} on the hub has other classes",
        why=f"{origin(key)}: {why}",
        fix="unset CLBENCH_CIL_SOURCE and put the data into a folder",
    )
