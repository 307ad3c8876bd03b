"""The data sets of image files with official splits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from clbench_mtil.catalogue import official_names
from clbench_mtil.testing.pieces import PARTS, Row, numbered, write_image, write_lines, write_split

__all__ = ["aircraft", "dtd", "flowers", "food", "oxfordpet", "stanfordcars"]


def aircraft(root: Path, count: int) -> None:
    """FGVC-Aircraft, of ``count`` classes."""
    data = root / "fgvc-aircraft-2013b/data"
    names = official_names("aircraft")[:count]
    write_lines(data / "variants.txt", names)
    rows: dict[str, list[str]] = {part: [] for part in PARTS}
    for part, label, number in numbered(count):
        write_image("aircraft", label, number, data / f"images/{number:07}.jpg")
        rows[part].append(f"{number:07} {names[label]}")
    for part, lines in rows.items():
        write_lines(data / f"images_variant_{part}.txt", lines)


def dtd(root: Path, count: int) -> None:
    """DTD, of ``count`` classes."""
    names = official_names("dtd")[:count]
    rows: dict[str, list[Row]] = {part: [] for part in PARTS}
    for part, label, number in numbered(count):
        path = f"{names[label]}/{names[label]}_{number:04}.jpg"
        write_image("dtd", label, number, root / "dtd/dtd/images" / path)
        rows[part].append((path, label, names[label]))
    for part, found in rows.items():
        write_lines(root / f"dtd/dtd/labels/{part}1.txt", [path for path, _, _ in found])
    write_split("dtd", root, rows)


def flowers(root: Path, count: int) -> None:
    """Flowers102, of ``count`` classes."""
    from scipy.io import savemat  # type: ignore[import-untyped]

    labels: list[int] = []
    ids: dict[str, list[int]] = {part: [] for part in PARTS}
    rows: dict[str, list[Row]] = {part: [] for part in PARTS}
    for part, label, number in numbered(count):
        write_image("flowers", label, number, root / f"flowers-102/jpg/image_{number:05}.jpg")
        labels.append(label + 1)
        ids[part].append(number)
        rows[part].append((f"image_{number:05}.jpg", label, f"flower {label}"))
    savemat(root / "flowers-102/imagelabels.mat", {"labels": np.array([labels])})
    savemat(
        root / "flowers-102/setid.mat",
        {"trnid": [ids["train"]], "valid": [ids["val"]], "tstid": [ids["test"]]},
    )
    write_split("flowers", root, rows)


def food(root: Path, count: int) -> None:
    """Food101, of ``count`` classes."""
    names = official_names("food")[:count]
    listed: dict[str, dict[str, list[str]]] = {"train": {}, "test": {}}
    rows: dict[str, list[Row]] = {part: [] for part in PARTS}
    for part, label, number in numbered(count):
        stem = f"{names[label]}/{100000 + number}"
        write_image("food", label, number, root / f"food-101/images/{stem}.jpg")
        listed["test" if part == "test" else "train"].setdefault(names[label], []).append(stem)
        rows[part].append((f"{stem}.jpg", label, names[label]))
    for part, content in listed.items():
        write_lines(root / f"food-101/meta/{part}.json", [json.dumps(content)])
    write_split("food", root, rows)


def oxfordpet(root: Path, count: int) -> None:
    """OxfordPet, of ``count`` classes."""
    names = [name.replace(" ", "_") for name in official_names("oxfordpet")[:count]]
    lines: dict[str, list[str]] = {"trainval": [], "test": []}
    rows: dict[str, list[Row]] = {part: [] for part in PARTS}
    for part, label, number in numbered(count):
        stem = f"{names[label]}_{number}"
        write_image("oxfordpet", label, number, root / f"oxford-iiit-pet/images/{stem}.jpg")
        lines["test" if part == "test" else "trainval"].append(f"{stem} {label + 1} 1 1")
        rows[part].append((f"{stem}.jpg", label, names[label]))
    for part, found in lines.items():
        write_lines(root / f"oxford-iiit-pet/annotations/{part}.txt", found)
    write_split("oxfordpet", root, rows)


def stanfordcars(root: Path, count: int) -> None:
    """StanfordCars, of ``count`` classes."""
    from scipy.io import savemat

    folder = root / "stanford_cars"
    (folder / "devkit").mkdir(parents=True)
    names = official_names("stanfordcars")[:count]
    found: dict[str, list[tuple[int, str]]] = {"train": [], "test": []}
    rows: dict[str, list[Row]] = {part: [] for part in PARTS}
    for part, label, number in numbered(count):
        side = "test" if part == "test" else "train"
        file = f"{len(found[side]) + 1:05}.jpg"
        write_image("stanfordcars", label, number, folder / f"cars_{side}/{file}")
        found[side].append((label + 1, file))
        *words, year = names[label].split()
        rows[part].append((f"cars_{side}/{file}", label, " ".join([year, *words])))
    for side, place in (
        ("train", "devkit/cars_train_annos.mat"),
        ("test", "cars_test_annos_withlabels.mat"),
    ):
        rows_ = np.array(found[side], dtype=[("class", "O"), ("fname", "O")])
        savemat(folder / place, {"annotations": rows_.reshape(1, -1)})
    savemat(folder / "devkit/cars_meta.mat", {"class_names": np.array([list(names)], dtype=object)})
    write_split("stanfordcars", root, rows)
