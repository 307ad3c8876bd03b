"""Data outside of all tasks: ImageNet's images and names, captions of Conceptual Captions."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from clbench.errors import DataError
from clbench.streams import ImageSet, data_root
from clbench.streams.files.texts import read_lines, read_text

from clbench_mtil.hubcopies import hub_copy, source_name
from clbench_mtil.hubtables import load
from clbench_mtil.imagenet import from_folder, from_the_hub
from clbench_mtil.revisions import origin

if TYPE_CHECKING:
    from clbench.methods import Reference
    from datasets import Dataset

__all__ = [
    "CAPTIONS",
    "IMAGES",
    "captioned",
    "class_pool",
    "conceptual_captions",
    "find_captions",
    "find_images",
    "reference",
]

IMAGES = ("imagenet/train", "ImageNet/train")
"""Folders, relative to the data root, with a folder of images per class."""

CAPTIONS = ("conceptual_captions", "cc_data")
"""Folders, relative to the data root, with the captions as ``.tsv`` or ``.csv``, by tabs."""

SUBSET_SEED = 42
"""Of ZSCL's ``ImageNetSUB``."""


def reference(size: str = "") -> Reference:
    """ImageNet's training images and the captions; they are no pairs.

    Each is read from its folder or, if that is not there and ``CLBENCH_MTIL_SOURCE`` allows it, from the hub.

    Args:
        size: take so many images at random, as ZSCL's ``ImageNetSUB`` does (a permutation with seed 42);
            empty: all.

    Raises:
        DataError: images or captions are missing.
    """
    root = data_root()
    images, captions = find_images(root), find_captions(root)
    from_hub = source_name() != "folder"
    lacking = [
        *([] if images else [f"training images of ImageNet ({' or '.join(str(root / p) for p in IMAGES)})"]),
        *(
            []
            if captions
            else [f"validation captions of Conceptual Captions ({root / CAPTIONS[0]}/*.tsv or *.csv)"]
        ),
    ]
    if lacking and not from_hub:
        raise DataError(
            f"there are no {' and no '.join(lacking)}",
            why="methods that distil on reference data take them from there",
            fix="see `clbench doctor mtil`; CLBENCH_DATA names another folder",
        )
    samples = from_folder(images) if images else from_the_hub("imagenet")
    if size:
        samples = samples.take(_subset(len(samples), int(size)))
    texts = read_captions(captions) if captions else hub_captions()
    # the labels are not used
    table = samples.relabelled([0] * len(samples)).table(["image"], "RGB")
    places = [
        origin(hub_copy(key)) for key, here in (("imagenet", images), ("captions", captions)) if not here
    ]
    found = ImageSet(table, name="imagenet/train", label=None, contents=samples.contents)
    from clbench.methods import Reference  # torch comes with it

    return Reference(found, texts, "; ".join(places))


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
            f"{root / 'conceptual_captions'}; see `clbench doctor mtil`",
        )
    rows = list(csv.DictReader(_lines(file), delimiter="\t", quoting=csv.QUOTE_NONE))
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


def captioned(root: Path) -> bool:
    """Whether there is a table of captions that names images."""
    file = find_captions(root)
    if file is None:
        return False
    first = next(iter(read_lines(file)), "")
    return "filepath" in first.split("\t")[-1]


def class_pool() -> tuple[str, ...]:
    """The 1000 names of ImageNet's classes, of which 998 are distinct."""
    from open_clip import IMAGENET_CLASSNAMES

    return tuple(IMAGENET_CLASSNAMES)


def find_images(root: Path) -> Path | None:
    """The folder of ImageNet's training images under ``root``."""
    return next((root / name for name in IMAGES if (root / name).is_dir()), None)


def find_captions(root: Path) -> Path | None:
    """The first file of captions under ``root``, by name."""
    folders = [root / name for name in CAPTIONS]
    found = [
        path for folder in folders for suffix in ("tsv", "csv") for path in sorted(folder.glob(f"*.{suffix}"))
    ]
    return found[0] if found else None


def read_captions(path: Path) -> tuple[str, ...]:
    """Read captions from a file with tabs between its columns: the column ``title``, else the first.

    Google's file has caption and address and no header; the one that ZSCL reads has ``title`` and
    ``filepath`` (of the images that could still be fetched).

    Raises:
        DataError: there are none in it.
    """
    rows = [row for row in csv.reader(_lines(path), delimiter="\t", quoting=csv.QUOTE_NONE) if row]
    column = 0
    if rows and "title" in rows[0]:
        column = rows[0].index("title")
        rows = rows[1:]
    texts = tuple(row[column].strip() for row in rows if len(row) > column and row[column].strip())
    if not texts:
        raise DataError(f"{path} has no captions", fix="fetch it again; its columns have tabs between them")
    return texts


def hub_captions(copies: Path | None = None) -> tuple[str, ...]:
    """The validation captions from the hub.

    Args:
        copies: a folder with clones of the hub's repositories, to be read instead of the hub.

    Raises:
        DataError: they have not been fetched.
    """
    copy = hub_copy("captions")
    table = load(copy, copy.splits["all"], copies)
    return tuple(text for value in table[copy.label] if (text := str(value).strip()))


def _lines(file: Path) -> StringIO:
    """The text of a table, line by line as csv wants it."""
    return StringIO(read_text(file), newline="")


def _subset(n: int, size: int) -> list[int]:
    import torch

    return torch.randperm(n, generator=torch.Generator().manual_seed(SUBSET_SEED)).tolist()[:size]
