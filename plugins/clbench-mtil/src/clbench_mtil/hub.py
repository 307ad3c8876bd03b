"""The data sets from the Hugging Face hub, at pinned commits, as torchvision has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clbench.errors import DataError

from clbench_mtil.catalogue import data_set
from clbench_mtil.hubcopies import HubCopy, hub_copy, source_name
from clbench_mtil.hubnames import file_names, labels_and_names
from clbench_mtil.hubtables import load, pixels
from clbench_mtil.revisions import origin
from clbench_mtil.samples import Collection, TableSamples

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["HubFiles", "HubSource", "files", "read"]


@dataclass(frozen=True)
class HubSource:
    """Reads all data sets from the hub.

    Attributes:
        copies: a folder with clones of the repositories, by their names, to be read instead.
    """

    copies: Path | None = None

    def __call__(self, key: str) -> Collection:
        return read(key, self.copies)

    def files(self, key: str) -> HubFiles:
        """All images by name."""
        return files(key, self.copies)


@dataclass(frozen=True)
class HubFiles:
    """All images of a data set by the paths of CoOp's files.

    Attributes:
        title: of the data set.
        origin: repository and commit.
        samples: all images, with names.
        places: index into ``samples`` by path.
    """

    title: str
    origin: str
    samples: TableSamples
    places: dict[str, int]

    def choose(self, rows: Sequence[tuple[str, int]]) -> TableSamples:
        """The images of ``rows``, (path, label) each, in that order.

        Raises:
            DataError: some are not there; names three of them.
        """
        absent = [path for path, _ in rows if path not in self.places]
        if absent:
            raise DataError(
                f"{len(absent):,} images of CoOp's split of {self.title} are not in its copy on the hub",
                why=f"{self.origin} has no {', '.join(absent[:3])}{' …' if len(absent) > 3 else ''}",
                fix="put the data into a folder and unset CLBENCH_MTIL_SOURCE; see `clbench doctor mtil`",
            )
        chosen = [self.places[path] for path, _ in rows]
        return TableSamples(self.samples.source, [label for _, label in rows], chosen, self.samples.names)


def read(key: str, copies: Path | None = None) -> Collection:
    """Read a data set from the hub, in torchvision's order; what was fetched once is read from the disk.

    Args:
        key: which.
        copies: a folder with clones of the repositories, by their names, to be read instead.

    Raises:
        DataError: it cannot be fetched, is not what was expected, or keeps no file names, so that it has no
            order in common with torchvision (``CLBENCH_MTIL_SOURCE=hub-any`` takes it in its own).
    """
    copy = hub_copy(key)
    parts: dict[str, TableSamples] = {}
    classes, differs = None, copy.differs
    for part, splits in copy.splits.items():
        table = load(copy, splits, copies)
        rows, labels, names = labels_and_names(copy, table)
        if classes not in (None, names):
            raise DataError(
                f"the classes of {data_set(key).title} differ between the splits of its copy on the hub",
                why=f"{copy.pinned}, {', '.join(splits)}",
                fix="unset CLBENCH_MTIL_SOURCE and put the data into a folder",
            )
        classes = names
        if copy.arrays:
            parts[part] = TableSamples(pixels(table), labels)
            continue
        found = file_names(copy, part, table, rows, labels, names)
        images = table.select_columns(["image"])
        if found is None:
            differs = differs or _nameless(copy)
            parts[part] = TableSamples(images, labels, rows)
        else:
            order = sorted(range(len(rows)), key=found.__getitem__)
            everywhere = [""] * len(images)
            for row, name in zip(rows, found, strict=True):
                everywhere[row] = name
            parts[part] = TableSamples(
                images,
                [labels[i] for i in order],
                [rows[i] for i in order],
                None if copy.differs else everywhere,
            )
    return Collection(classes or (), parts, origin(copy, copies), differs)


def files(key: str, copies: Path | None = None) -> HubFiles:
    """All images of a data set by name, for splits that name them.

    Raises:
        DataError: it cannot be fetched, or keeps no names.
    """
    copy = hub_copy(key)
    title = data_set(key).title
    tables: list[Dataset] = []
    names: list[str] = []
    for part, splits in (*copy.splits.items(), *([("more", copy.more)] if copy.more else [])):
        table = load(copy, splits, copies)
        rows, labels, classes = labels_and_names(copy, table, dropping=False)
        found = file_names(copy, part, table, rows, labels, classes)
        if found is None:
            raise DataError(
                f"{title} from the hub cannot be divided as CoOp's splits do",
                why=f"they name images by file, and {copy.path} keeps no file names ({', '.join(splits)})",
                fix="put the data into a folder and unset CLBENCH_MTIL_SOURCE; see `clbench doctor mtil`",
            )
        tables.append(table.select_columns(["image"]))
        names += found
    import datasets

    whole = datasets.concatenate_datasets(tables)
    base = data_set(key).images_in[0]
    places = {name.removeprefix(f"{base}/"): i for i, name in enumerate(names)}
    samples = TableSamples(whole, [0] * len(whole), None, names)
    return HubFiles(title, origin(copy, copies), samples, places)


def _nameless(copy: HubCopy) -> str:
    """Why a copy without names is another data set; an error unless such are taken."""
    if source_name() != "hub-any":
        raise DataError(
            f"{copy.shown} from the hub cannot be brought into torchvision's order",
            why=f"{copy.pinned} keeps no names that look like torchvision's, as {copy.named}",
            fix="put the data into a folder and unset CLBENCH_MTIL_SOURCE; or take them in the copy's own "
            "order, as another data set: CLBENCH_MTIL_SOURCE=hub-any",
        )
    return "images in the copy's own order, which keeps no file names"
