"""The stream, the reference data and the class pool, read from the package's Parquet files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from clbench.streams import ImageSet, Stream, Task

from clbench_mini.files import REFERENCE, catalogue, class_names, task_file

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["class_pool", "mini", "parquet", "reference"]


def parquet(path: Path) -> Dataset:
    """Read a Parquet file that ``datasets`` has written, features included, without the library's cache."""
    import pyarrow.parquet
    from datasets import Dataset

    return Dataset(pyarrow.parquet.read_table(path))


def mini() -> Stream:
    """The ten tasks, in the order of the catalogue."""
    return Stream("mini", tuple(_task(**entry) for entry in catalogue()["tasks"]), protocol="mini")


def reference() -> Dataset:
    """Icons of the pre-training side with their captions: columns ``image`` and ``text``."""
    return parquet(REFERENCE)


def class_pool() -> tuple[str, ...]:
    """Class names that are in no task."""
    return class_names()


def _task(key: str, title: str, templates: list[str], **_counts: int) -> Task:
    splits = {split: parquet(task_file(key, split)) for split in ("train", "test")}
    classes = tuple(splits["train"].features["label"].names)
    train, test = (
        # test images that are alike: pictures of one design, letters by one hand
        ImageSet(data, name=f"mini/{key}/{split}", group="group" if "group" in data.column_names else None)
        for split, data in splits.items()
    )
    return Task(key, title, classes, tuple(templates), train, test)
