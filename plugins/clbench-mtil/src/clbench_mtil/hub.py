"""The data sets from the Hugging Face hub, at pinned commits, through ``datasets``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clbench.errors import DataError

from clbench_mtil.catalogue import data_set, document
from clbench_mtil.samples import Collection, TableSamples

__all__ = ["on_hub", "read"]


def on_hub(key: str) -> bool:
    """Whether a copy on the hub is known that holds torchvision's samples."""
    return key in document("hub.toml")


def read(key: str, copies: Path | None = None) -> Collection:
    """Read a data set from the hub; what has been fetched once is read from the disk.

    Args:
        key: one of those that are :func:`on_hub`.
        copies: a folder with clones of the repositories, by their names, to be read instead.

    Raises:
        DataError: it cannot be fetched, or is not what was expected.
    """
    import datasets

    entry: dict[str, Any] = document("hub.toml")[key]
    place = str(copies / entry["path"]) if copies else entry["path"]
    parts, names = {}, None
    for part, split in entry["splits"].items():
        try:
            table = datasets.load_dataset(
                place, entry["config"], split=split, revision=None if copies else entry["revision"]
            )
            labels = table.features[entry["label"]]
            if names not in (None, labels.names):
                raise ValueError(f"the classes of its splits differ: {split}")
            names = labels.names
            images = table.select_columns([entry["image"]])
            if entry["image"] != "image":
                images = images.rename_column(entry["image"], "image")
            parts[part] = TableSamples(images, [int(y) for y in table.with_format("numpy")[entry["label"]]])
        except Exception as error:
            # whatever the library, the connection or an unexpected column leads to
            raise DataError(
                f"{data_set(key).title} cannot be read from the hub",
                why=f"{place} at {entry['revision'][:7]}, {split}: {type(error).__name__}: {error}",
                fix="check the connection, or unset CLBENCH_MTIL_SOURCE and put the data into a folder",
            ) from error
    return Collection(tuple(names or ()), parts)
