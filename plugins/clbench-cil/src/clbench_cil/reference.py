"""Reference data of class-incremental runs: Conceptual Captions' validation images with their captions."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from clbench.errors import DataError
from clbench.streams import data_root
from clbench_mtil.reference import find_captions

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["conceptual_captions"]


def conceptual_captions() -> Dataset:
    """Pairs of image and text from the table that open_clip's and ZSCL's scripts write.

    Its columns, with tabs between them, are ``title`` and ``filepath``; a path is relative to the table's
    folder, or to the data root.

    Raises:
        DataError: there is no table, it has no such columns, or images are missing; names them.
    """
    import datasets

    root = data_root()
    file = find_captions(root)
    if file is None:
        raise DataError(
            f"there are no captions of Conceptual Captions under {root}",
            why="methods that distil on reference data take images and captions from there",
            fix=f"put the validation images and their table, with columns title and filepath, into "
            f"{root / 'conceptual_captions'}; see `clbench doctor cil`",
        )
    with file.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
    if not rows or not {"title", "filepath"} <= set(rows[0]):
        raise DataError(
            f"{file} has no columns title and filepath",
            why="it names no images" if rows else "it has no rows",
            fix="fetch the images as open_clip's gather_cc.py does, which writes such a table",
        )
    base = file.parent if (file.parent / rows[0]["filepath"]).is_file() else root
    paths = [base / row["filepath"] for row in rows]
    absent = [path for path in paths if not path.is_file()]
    if absent:
        more = f" and {len(absent) - 3:,} more" if len(absent) > 3 else ""
        raise DataError(
            f"{file} names images that are not there",
            why=f"{', '.join(str(path) for path in absent[:3])}{more}",
            fix="remove their lines, or fetch them again",
        )
    features = datasets.Features({"image": datasets.Image(mode="RGB"), "text": datasets.Value("string")})
    images = [{"bytes": None, "path": str(path)} for path in paths]
    return datasets.Dataset.from_dict(
        {"image": images, "text": [row["title"].strip() for row in rows]}, features=features
    )


def images_there(root: Path) -> bool:
    """Whether there is a table of captions that names images."""
    file = find_captions(root)
    if file is None:
        return False
    with file.open(encoding="utf-8") as stream:
        return "filepath" in stream.readline().split("\t")[-1]
