"""CIFAR10, ImageNet and Conceptual Captions in miniature, in folders and as the hub has them."""

from __future__ import annotations

import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np

from clbench_mtil.hubcopies import hub_copy
from clbench_mtil.testing.hub import encoded
from clbench_mtil.testing.pieces import colour, write_image, write_lines

__all__ = ["write_others", "write_others_hub"]

_WNIDS = ("n01440764", "n01443537", "n01484850")
_CAPTIONS = ("author : a life in photography", 'an "angler" fishes , on the lake')
_TEN = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def write_others(root: Path) -> None:
    """Write the data that are held out, and the reference data, under ``root``."""
    _cifar10(root)
    number = 0
    for part, stem in (("train", "{wnid}_{number}"), ("val", "ILSVRC2012_val_{number:08}")):
        for label, wnid in enumerate(_WNIDS):
            for _ in range(3):
                number += 1
                name = stem.format(wnid=wnid, number=number)
                write_image("imagenet", label, number, root / f"imagenet/{part}/{wnid}/{name}.JPEG")
    lines = [f"{text}\thttp://example.org/{i}" for i, text in enumerate(_CAPTIONS)]
    write_lines(root / "conceptual_captions/Validation_GCC-1.1.0-Validation.tsv", lines)


def write_others_hub(root: Path, folder: Path) -> None:
    """Write the same as repositories on the hub, into ``folder``."""
    import datasets

    image, text = datasets.Image(), datasets.Value("string")
    rows: dict[str, list[Any]] = {"img": [], "label": []}
    with (root / "cifar-10-batches-py/test_batch").open("rb") as file:
        batch = pickle.load(file)
    for flat, label in zip(batch["data"], batch["labels"], strict=True):
        pixels = np.transpose(flat.reshape(3, 32, 32), (1, 2, 0))
        rows["img"].append(encoded(b"P6 32 32 255\n" + pixels.tobytes(), named=False))
        rows["label"].append(label)
    features = {"img": image, "label": datasets.ClassLabel(names=list(_TEN))}
    _write(folder, "cifar10", {"test": rows}, features, "plain_text/{split}")

    splits: dict[str, dict[str, list[Any]]] = {}
    for part, split in (("train", "train"), ("val", "validation")):
        files = sorted((root / "imagenet" / part).rglob("*.JPEG"))
        random.Random(part).shuffle(files)
        cells = [encoded(str(path), named=True) for path in files]
        for cell, path in zip(cells, files, strict=True):
            # the hub's files have the number of the class at their end
            cell["path"] = f"{path.stem}_{path.parent.name}.JPEG"
        labels = [_WNIDS.index(path.parent.name) for path in files]
        splits[split] = {"image": cells, "label": labels}
    names = ["tench", "goldfish", "great white shark"]
    features = {"image": image, "label": datasets.ClassLabel(names=names)}
    _write(folder, "imagenet", splits, features, "data/{split}")

    urls = [f"http://example.org/{i}" for i in range(len(_CAPTIONS))]
    captions: dict[str, list[Any]] = {"image_url": urls, "caption": list(_CAPTIONS)}
    features = {"image_url": text, "caption": text}
    _write(folder, "captions", {"validation": captions}, features, "unlabeled/{split}")


def _write(
    folder: Path, key: str, splits: dict[str, dict[str, list[Any]]], features: dict[str, Any], place: str
) -> None:
    import datasets

    copy = hub_copy(key)
    card = ["---", "configs:", f"- config_name: {copy.config}", "  data_files:"]
    for split, rows in splits.items():
        table = datasets.Dataset.from_dict(rows, datasets.Features(features))
        where = place.format(split=split)
        table.to_parquet(folder / copy.path / f"{where}-00000-of-00001.parquet")
        card += [f"  - split: {split}", f"    path: {where}-*"]
    write_lines(folder / copy.path / "README.md", [*card, "---"])


def _cifar10(root: Path) -> None:
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    labels = [label for label in range(len(_TEN)) for _ in range(2)]
    pixels = np.stack([np.repeat(np.array(colour("cifar10", y), np.uint8), 1024) for y in labels])
    pixels[np.arange(len(labels)), np.arange(len(labels))] = 255
    (folder / "test_batch").write_bytes(pickle.dumps({"data": pixels, "labels": labels}))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list(_TEN)}))
