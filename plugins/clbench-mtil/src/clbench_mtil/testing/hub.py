"""A miniature as its repository on the hub has it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from itertools import cycle
from pathlib import Path
from typing import Any

from clbench_mtil.catalogue import data_set, official_names
from clbench_mtil.folder import read
from clbench_mtil.hubcopies import HubCopy, hub_copy
from clbench_mtil.testing.pieces import write_lines

__all__ = ["encoded", "write_hub"]

Row = tuple[Any, int]
"""Image (a path, or bytes) and label."""


def write_hub(key: str, root: Path, folder: Path, *, names: bool = True) -> None:
    """Write the data set ``key`` that is under ``root`` as its repository on the hub has it, into ``folder``.

    Parquet files of the schema of the hub (columns, their features, the splits, class names as they are
    spelled there), and a card that names configuration and splits. Rows are shuffled where the hub's order
    need not be torchvision's.

    Args:
        key: which.
        root: the data root.
        folder: becomes a folder of clones.
        names: with file names, where the copy has any; without, to see what is said of such a copy.
    """
    import datasets

    copy, found = hub_copy(key), read(key, root)
    place = folder / copy.path
    classes = [_SPELLING.get(key, str)(name) for name in _classes(key, found.names)]
    more = _more_columns().get(key, {})
    features = {
        copy.image: datasets.Image(),
        copy.label: datasets.ClassLabel(names=classes),
        **({copy.name: datasets.Value("string")} if copy.name else {}),
        **more,
    }
    card = ["---", "configs:", f"- config_name: {copy.config}", "  data_files:"]
    for split, rows in _splits(copy, root).items():
        if not copy.arrays:
            random.Random(split).shuffle(rows)
        cells: dict[str, list[Any]] = {
            copy.image: [encoded(image, names and copy.name is None) for image, _ in rows],
            copy.label: [label for _, label in rows],
        }
        if copy.name:
            cells[copy.name] = [Path(image).stem if names else f"{i:x}" for i, (image, _) in enumerate(rows)]
        cells |= {column: [0] * len(rows) for column in more}
        table = datasets.Dataset.from_dict(cells, datasets.Features(features))
        table.to_parquet(place / f"data/{split}-00000-of-00001.parquet")
        card += [f"  - split: {split}", f"    path: data/{split}-*"]
    write_lines(place / "README.md", [*card, "---"])


def _splits(copy: HubCopy, root: Path) -> dict[str, list[Row]]:
    """Rows by split of the copy; what torchvision has in one part may be spread over several."""
    found = read(copy.key, root)
    splits: dict[str, list[Row]] = {}
    for part, names in copy.splits.items():
        samples = found.parts[part]
        for name in names:
            splits[name] = []
        for row, name in zip(zip(samples.images, samples.labels, strict=True), cycle(names), strict=False):
            splits[name].append(row)
    if copy.more:
        read_already = {image for rows in splits.values() for image, _ in rows}
        base = root / data_set(copy.key).images_in[0]
        rest = [path for path in sorted(map(str, base.rglob("*.jpg"))) if path not in read_already]
        splits[copy.more[0]] = [(path, _label(copy.key, root, path)) for path in rest]
    return splits


def _label(key: str, root: Path, path: str) -> int:
    """Of an image that torchvision's splits do not have."""
    if key == "dtd":
        return official_names(key).index(Path(path).parent.name)
    from scipy.io import loadmat  # type: ignore[import-untyped]

    labels = loadmat(root / "flowers-102/imagelabels.mat")["labels"][0]
    return int(labels[int(Path(path).stem.removeprefix("image_")) - 1]) - 1


def _classes(key: str, found: tuple[str, ...]) -> Iterator[str]:
    if key == "flowers":
        return (f"flower {number}" for number in found)
    return iter(found)


_SPELLING: Mapping[str, Callable[[str], str]] = {
    "mnist": lambda name: name[0],
    "oxfordpet": lambda name: name.casefold().replace(" ", "_"),
    "stanfordcars": str.casefold,
    "sun397": lambda name: f"/{name[0]}/{name}",
}


def _more_columns() -> dict[str, dict[str, Any]]:
    import datasets

    return {
        "cifar100": {"coarse_label": datasets.ClassLabel(names=["one"])},
        "aircraft": {
            "family": datasets.ClassLabel(names=["one"]),
            "manufacturer": datasets.ClassLabel(names=["one"]),
        },
        "oxfordpet": {"label_cat_dog": datasets.ClassLabel(names=["cat", "dog"])},
    }


def encoded(image: str | bytes, named: bool) -> dict[str, Any]:
    """A cell of the image column."""
    if isinstance(image, str):
        return {"bytes": Path(image).read_bytes(), "path": Path(image).name if named else None}
    import PIL.Image

    out = BytesIO()
    PIL.Image.open(BytesIO(image)).save(out, format="PNG")
    return {"bytes": out.getvalue(), "path": None}
