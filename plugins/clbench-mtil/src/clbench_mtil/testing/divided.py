"""The data sets without official splits: Caltech101, EuroSAT, SUN397."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from clbench_mtil.catalogue import class_names, official_names
from clbench_mtil.testing.pieces import PARTS, Row, letters, numbered, write_image, write_lines, write_split

__all__ = ["caltech101", "eurosat", "sun397"]


def _foldered(key: str, root: Path, count: int, *, folder: str, file: str, names: Sequence[str]) -> None:
    """A folder per class without official splits: Caltech101, EuroSAT."""
    rows: dict[str, list[Row]] = {part: [] for part in PARTS}
    inside = dict.fromkeys(names, 0)
    for part, label, number in numbered(count):
        name = names[label]
        inside[name] += 1
        path = f"{name}/{file.format(name=name, number=inside[name])}"
        write_image(key, label, number, root / folder / path)
        # CoOp has one class of faces; its labels have no gaps
        if name != "Faces_easy":
            shift = "Faces_easy" in names and label > names.index("Faces_easy")
            rows[part].append((path, label - shift, f"coop_{name}"))
    if key == "caltech101":
        (root / folder / "BACKGROUND_Google").mkdir()
    write_split(key, root, rows)


def sun397(root: Path, count: int) -> None:
    """SUN397, of ``count`` classes."""
    # some classes are one of two of a place, as "apartment_building/outdoor"
    names = sorted(official_names("sun397"), key=lambda name: "/" not in name)[:count]
    names = [name for name in official_names("sun397") if name in names]
    write_lines(root / "SUN397/ClassName.txt", [f"/{name[0]}/{name}" for name in names])
    rows: dict[str, list[Row]] = {part: [] for part in PARTS}
    for part, label, number in numbered(count):
        path = f"{names[label][0]}/{names[label]}/sun_{letters(number)}.jpg"
        write_image("sun397", label, number, root / "SUN397" / path)
        rows[part].append((path, label, " ".join(reversed(names[label].split("/")))))
    write_split("sun397", root, rows)


def caltech101(root: Path, count: int) -> None:
    """Caltech101, of ``count`` classes."""
    names = list(class_names("caltech101"))[:count]
    _foldered(
        "caltech101",
        root,
        count,
        folder="caltech101/101_ObjectCategories",
        file="image_{number:04}.jpg",
        names=names,
    )


def eurosat(root: Path, count: int) -> None:
    """EuroSAT, of ``count`` classes."""
    names = list(class_names("eurosat"))[:count]
    _foldered("eurosat", root, count, folder="eurosat/2750", file="{name}_{number}.jpg", names=names)
