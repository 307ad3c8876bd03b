"""What all miniatures are made of: images of one colour per class, lists of lines, CoOp's files of splits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import md5
from pathlib import Path

import numpy as np

from clbench_mtil.catalogue import data_set

__all__ = [
    "PARTS",
    "Row",
    "colour",
    "letters",
    "numbered",
    "write_captions",
    "write_image",
    "write_lines",
    "write_split",
]

PARTS = {"train": 2, "val": 1, "test": 1}
"""Images per class; of data sets without official splits, all of these."""

Row = tuple[str, int, str]
"""Path, label and class name, as in CoOp's files."""


def colour(key: str, label: int) -> tuple[int, int, int]:
    """The colour of the images of a class."""
    return tuple(md5(f"{key} {label}".encode()).digest()[:3])  # type: ignore[return-value]


def write_image(key: str, label: int, number: int, path: Path) -> None:
    """Write one image; those of a class differ in a bar whose length is ``number``."""
    from PIL import Image

    pixels = np.empty((24, 20, 3), dtype=np.uint8)
    pixels[:] = colour(key, label)
    pixels[:2, : number % 20] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=95)


def letters(number: int) -> str:
    """``number`` in sixteen letters, as the files of SUN397 are named."""
    return "".join(chr(ord("a") + int(digit)) for digit in f"{number:016}")


def write_lines(path: Path, lines: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_split(key: str, root: Path, parts: Mapping[str, Sequence[Row]]) -> None:
    """CoOp's file of a split."""
    entry = data_set(key)
    assert entry.split is not None
    (root / entry.split_in[0] / entry.split).write_text(json.dumps(parts), encoding="utf-8")


def numbered(count: int) -> Iterator[tuple[str, int, int]]:
    """(part, label, running number from 1) of each image, parts together."""
    number = 0
    for part, size in PARTS.items():
        for label in range(count):
            for _ in range(size):
                number += 1
                yield part, label, number


def write_captions(root: Path, count: int = 8) -> None:
    """Conceptual Captions' validation images with the table that open_clip's script writes."""
    folder = root / "conceptual_captions"
    lines = ["title\tfilepath"]
    for number in range(count):
        write_image("caption", number, number, folder / "val" / f"{number}.jpg")
        lines.append(f"a caption of number {number}\tval/{number}.jpg")
    write_lines(folder / "Validation_output.tsv", lines)
