"""Writes the eleven data sets in miniature, in the layout that torchvision reads, for trials without data.

The images are small and of one colour per class; names of classes are made up where torchvision takes them
from the data. ``CLBENCH_MTIL_COUNTS=any`` lets the streams take them; :func:`accepted` lets torchvision.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import md5
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from clbench_mtil.catalogue import KEYS, class_names, data_set, document

__all__ = ["accepted", "colour", "write", "write_all", "write_hub"]

PARTS = {"train": 2, "val": 1, "test": 1}
"""Images per class; of data sets without official splits, all of these."""


def write_all(root: Path, classes: int | None = 3, keys: Sequence[str] = KEYS) -> None:
    """Write the data sets ``keys`` under ``root``, with CoOp's splits.

    Args:
        root: becomes the data root.
        classes: how many each has at most; ``None``: as many as there are.
        keys: which.
    """
    for key in keys:
        write(key, root, classes)


def write(key: str, root: Path, classes: int | None = 3) -> None:
    """Write one data set; see :func:`write_all`."""
    count = min(classes or 1000, data_set(key).classes["zscl"])
    _WRITERS[key](root, count)


@contextmanager
def accepted(root: Path) -> Iterator[None]:
    """Let torchvision take the files under ``root`` for whole, where it knows digests of the real ones."""
    from torchvision.datasets import CIFAR100, Flowers102

    def digest(path: Path) -> str:
        return md5(path.read_bytes()).hexdigest() if path.is_file() else ""

    cifar, flowers = root / CIFAR100.base_folder, root / "flowers-102"
    files = {
        name: (file, digest(flowers / file) if name != "image" else md5_)
        for name, (file, md5_) in Flowers102._file_dict.items()
    }
    with (
        mock.patch.object(CIFAR100, "train_list", [["train", digest(cifar / "train")]]),
        mock.patch.object(CIFAR100, "test_list", [["test", digest(cifar / "test")]]),
        mock.patch.object(CIFAR100, "meta", {**CIFAR100.meta, "md5": digest(cifar / "meta")}),
        mock.patch.object(Flowers102, "_file_dict", files),
    ):
        yield


def write_hub(key: str, root: Path, folder: Path) -> None:
    """Write the data set ``key`` that is under ``root`` as its repository on the hub has it, into ``folder``.

    Parquet files of the schema of the hub: a column of images with name and bytes (PNG where torchvision has
    arrays), one of class labels with names, and a card that names configuration and splits.
    """
    import datasets
    from PIL import Image

    from clbench_mtil.folder import read

    entry, found = document("hub.toml")[key], read(key, root)
    place = folder / entry["path"]
    rows = ["---", "configs:", f"- config_name: {entry['config']}", "  data_files:"]
    for part, split in entry["splits"].items():
        samples = found.parts[part]
        content = [_encoded(image, Image) for image in samples.images]
        features = {
            entry["image"]: datasets.Image(),
            entry["label"]: datasets.ClassLabel(names=list(found.names)),
        }
        table = datasets.Dataset.from_dict(
            {entry["image"]: content, entry["label"]: list(samples.labels)}, datasets.Features(features)
        )
        table.to_parquet(place / f"data/{split}-00000-of-00001.parquet")
        rows += [f"  - split: {split}", f"    path: data/{split}-*"]
    _lines(place / "README.md", [*rows, "---"])


def _encoded(image: str | bytes, library: Any) -> dict[str, Any]:
    """A cell of the image column."""
    if isinstance(image, str):
        return {"bytes": Path(image).read_bytes(), "path": Path(image).name}
    out = BytesIO()
    library.open(BytesIO(image)).save(out, format="PNG")
    return {"bytes": out.getvalue(), "path": None}


def colour(key: str, label: int) -> tuple[int, int, int]:
    """The colour of the images of a class."""
    return tuple(md5(f"{key} {label}".encode()).digest()[:3])  # type: ignore[return-value]


def _image(key: str, label: int, number: int, path: Path) -> None:
    """Write one image; those of a class differ in a bar whose length is ``number``."""
    from PIL import Image

    pixels = np.empty((24, 20, 3), dtype=np.uint8)
    pixels[:] = colour(key, label)
    pixels[:2, : number % 20] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=95)


def _lines(path: Path, lines: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _zhou(key: str, root: Path, parts: Mapping[str, Sequence[tuple[str, int, str]]]) -> None:
    """CoOp's file of a split."""
    entry = data_set(key)
    assert entry.split is not None
    (root / entry.split_in[0] / entry.split).write_text(json.dumps(parts), encoding="utf-8")


def _numbered(count: int) -> Iterator[tuple[str, int, int]]:
    """(part, label, running number from 1) of each image, parts together."""
    number = 0
    for part, size in PARTS.items():
        for label in range(count):
            for _ in range(size):
                number += 1
                yield part, label, number


def _aircraft(root: Path, count: int) -> None:
    data = root / "fgvc-aircraft-2013b/data"
    names = [f"7{label:02}-{100 + label}/ER" for label in range(count)]
    _lines(data / "variants.txt", names)
    rows: dict[str, list[str]] = {part: [] for part in PARTS}
    for part, label, number in _numbered(count):
        _image("aircraft", label, number, data / f"images/{number:07}.jpg")
        rows[part].append(f"{number:07} {names[label]}")
    for part, lines in rows.items():
        _lines(data / f"images_variant_{part}.txt", lines)


def _foldered(key: str, root: Path, count: int, *, folder: str, file: str, names: Sequence[str]) -> None:
    """A folder per class without official splits: Caltech101, EuroSAT."""
    rows: dict[str, list[tuple[str, int, str]]] = {part: [] for part in PARTS}
    inside = dict.fromkeys(names, 0)
    for part, label, number in _numbered(count):
        name = names[label]
        inside[name] += 1
        path = f"{name}/{file.format(name=name, number=inside[name])}"
        _image(key, label, number, root / folder / path)
        # CoOp has one class of faces; its labels have no gaps
        if name != "Faces_easy":
            shift = "Faces_easy" in names and label > names.index("Faces_easy")
            rows[part].append((path, label - shift, f"coop_{name}"))
    if key == "caltech101":
        (root / folder / "BACKGROUND_Google").mkdir()
    _zhou(key, root, rows)


def _cifar100(root: Path, count: int) -> None:
    folder = root / "cifar-100-python"
    folder.mkdir(parents=True)
    names = [f"thing_{label}" for label in range(count)]
    for file, part in (("train", "train"), ("test", "test")):
        # ten per class to train: a fifth of them is held out for validation
        labels = [label for label in range(count) for _ in range(10 if part == "train" else 1)]
        pixels = np.stack([np.repeat(np.array(colour("cifar100", y), np.uint8), 1024) for y in labels])
        pixels[np.arange(len(labels)), np.arange(len(labels)) % 500] = 255
        (folder / file).write_bytes(pickle.dumps({"data": pixels, "fine_labels": labels}))
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": names}))


def _dtd(root: Path, count: int) -> None:
    names = [f"texture{label:02}" for label in range(count)]
    rows: dict[str, list[tuple[str, int, str]]] = {part: [] for part in PARTS}
    for part, label, number in _numbered(count):
        path = f"{names[label]}/{names[label]}_{number:04}.jpg"
        _image("dtd", label, number, root / "dtd/dtd/images" / path)
        rows[part].append((path, label, names[label]))
    for part, found in rows.items():
        _lines(root / f"dtd/dtd/labels/{part}1.txt", [path for path, _, _ in found])
    _zhou("dtd", root, rows)


def _flowers(root: Path, count: int) -> None:
    from scipy.io import savemat  # type: ignore[import-untyped]

    labels: list[int] = []
    ids: dict[str, list[int]] = {part: [] for part in PARTS}
    rows: dict[str, list[tuple[str, int, str]]] = {part: [] for part in PARTS}
    for part, label, number in _numbered(count):
        _image("flowers", label, number, root / f"flowers-102/jpg/image_{number:05}.jpg")
        labels.append(label + 1)
        ids[part].append(number)
        rows[part].append((f"image_{number:05}.jpg", label, f"flower {label}"))
    savemat(root / "flowers-102/imagelabels.mat", {"labels": np.array([labels])})
    savemat(
        root / "flowers-102/setid.mat",
        {"trnid": [ids["train"]], "valid": [ids["val"]], "tstid": [ids["test"]]},
    )
    _zhou("flowers", root, rows)


def _food(root: Path, count: int) -> None:
    names = [f"dish_{label:03}" for label in range(count)]
    listed: dict[str, dict[str, list[str]]] = {"train": {}, "test": {}}
    rows: dict[str, list[tuple[str, int, str]]] = {part: [] for part in PARTS}
    for part, label, number in _numbered(count):
        stem = f"{names[label]}/{100000 + number}"
        _image("food", label, number, root / f"food-101/images/{stem}.jpg")
        listed["test" if part == "test" else "train"].setdefault(names[label], []).append(stem)
        rows[part].append((f"{stem}.jpg", label, names[label]))
    for part, content in listed.items():
        _lines(root / f"food-101/meta/{part}.json", [json.dumps(content)])
    _zhou("food", root, rows)


def _mnist(root: Path, count: int) -> None:
    folder = root / "MNIST/raw"
    folder.mkdir(parents=True)
    for name, per_class in (("train", 10), ("t10k", 1)):
        labels = np.repeat(np.arange(count, dtype=np.uint8), per_class)
        pixels = np.zeros((len(labels), 28, 28), dtype=np.uint8)
        for number, label in enumerate(labels):
            pixels[number, : 2 * label + 2] = 200
            pixels[number, -1, number % 28] = 255
        big = ">i4"
        head = np.array([0x803, *pixels.shape], dtype=big).tobytes()
        (folder / f"{name}-images-idx3-ubyte").write_bytes(head + pixels.tobytes())
        head = np.array([0x801, len(labels)], dtype=big).tobytes()
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(head + labels.tobytes())


def _oxfordpet(root: Path, count: int) -> None:
    names = [f"great_pet_{label:02}" for label in range(count)]
    lines: dict[str, list[str]] = {"trainval": [], "test": []}
    rows: dict[str, list[tuple[str, int, str]]] = {part: [] for part in PARTS}
    for part, label, number in _numbered(count):
        stem = f"{names[label]}_{number}"
        _image("oxfordpet", label, number, root / f"oxford-iiit-pet/images/{stem}.jpg")
        lines["test" if part == "test" else "trainval"].append(f"{stem} {label + 1} 1 1")
        rows[part].append((f"{stem}.jpg", label, names[label]))
    for part, found in lines.items():
        _lines(root / f"oxford-iiit-pet/annotations/{part}.txt", found)
    _zhou("oxfordpet", root, rows)


def _stanfordcars(root: Path, count: int) -> None:
    from scipy.io import savemat

    folder = root / "stanford_cars"
    (folder / "devkit").mkdir(parents=True)
    names = [f"Maker Model {label} {1990 + label % 30}" for label in range(count)]
    found: dict[str, list[tuple[int, str]]] = {"train": [], "test": []}
    rows: dict[str, list[tuple[str, int, str]]] = {part: [] for part in PARTS}
    for part, label, number in _numbered(count):
        side = "test" if part == "test" else "train"
        file = f"{len(found[side]) + 1:05}.jpg"
        _image("stanfordcars", label, number, folder / f"cars_{side}/{file}")
        found[side].append((label + 1, file))
        *words, year = names[label].split()
        rows[part].append((f"cars_{side}/{file}", label, " ".join([year, *words])))
    for side, place in (
        ("train", "devkit/cars_train_annos.mat"),
        ("test", "cars_test_annos_withlabels.mat"),
    ):
        rows_ = np.array(found[side], dtype=[("class", "O"), ("fname", "O")])
        savemat(folder / place, {"annotations": rows_.reshape(1, -1)})
    savemat(folder / "devkit/cars_meta.mat", {"class_names": np.array([names], dtype=object)})
    _zhou("stanfordcars", root, rows)


def _sun397(root: Path, count: int) -> None:
    # every third class is one of two of a place, as "apartment building/outdoor"
    names = [f"place_{i:03}" + ("/outdoor" if i % 3 == 0 else "") for i in range(count)]
    _lines(root / "SUN397/ClassName.txt", [f"/p/{name}" for name in names])
    rows: dict[str, list[tuple[str, int, str]]] = {part: [] for part in PARTS}
    for part, label, number in _numbered(count):
        path = f"p/{names[label]}/sun_{number:06}.jpg"
        _image("sun397", label, number, root / "SUN397" / path)
        rows[part].append((path, label, " ".join(reversed(names[label].split("/")))))
    _zhou("sun397", root, rows)


def _caltech101(root: Path, count: int) -> None:
    names = list(class_names("caltech101"))[:count]
    _foldered(
        "caltech101",
        root,
        count,
        folder="caltech101/101_ObjectCategories",
        file="image_{number:04}.jpg",
        names=names,
    )


def _eurosat(root: Path, count: int) -> None:
    names = list(class_names("eurosat"))[:count]
    _foldered("eurosat", root, count, folder="eurosat/2750", file="{name}_{number}.jpg", names=names)


_WRITERS: Mapping[str, Callable[[Path, int], None]] = {
    "aircraft": _aircraft,
    "caltech101": _caltech101,
    "cifar100": _cifar100,
    "dtd": _dtd,
    "eurosat": _eurosat,
    "flowers": _flowers,
    "food": _food,
    "mnist": _mnist,
    "oxfordpet": _oxfordpet,
    "stanfordcars": _stanfordcars,
    "sun397": _sun397,
}
