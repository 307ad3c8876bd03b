"""A miniature as its repository on the hub has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clbench_mtil.testing.pieces import write_lines

from clbench_cil import folder
from clbench_cil.catalogue import DOMAINS, document, imagenet_wnids, tiny_wnids
from clbench_cil.layouts import PARTS, Key, Part

__all__ = ["write_hub"]


def write_hub(key: Key, root: Path, clones: Path, *, named: bool = True) -> None:
    """Write the data set ``key`` that is under ``root`` as its repository on the hub has it, into ``clones``.

    Parquet files of the schema of the hub: a column of images with bytes and file name, class labels with
    names (of TinyImageNet those of its copy), DomainNet's with a column of domains. Rows come in another
    order than in the folder.

    Args:
        named: keep the names of files with the images.
    """
    import datasets

    entry = document("hub.toml")[key]
    place = clones / entry["path"]
    card = ["---", "configs:", f"- config_name: {entry['config']}", "  data_files:"]
    for part in PARTS:
        split = entry["splits"][part]
        rows = sorted(_rows(key, part, root), key=lambda row: (row["label"], str(row["path"])[::-1]))
        columns: dict[str, list[Any]] = {
            entry["image"]: [
                {"bytes": Path(row["path"]).read_bytes(), "path": _kept(key, row) if named else None}
                for row in rows
            ],
            entry["label"]: [row["label"] for row in rows],
        }
        features = {
            entry["image"]: datasets.Image(),
            entry["label"]: datasets.ClassLabel(names=_names(key)),
        }
        if key == "domainnet":
            columns["domain"] = [row["domain"] for row in rows]
            features["domain"] = datasets.ClassLabel(names=list(DOMAINS))
        table = datasets.Dataset.from_dict(columns, datasets.Features(features))
        table.to_parquet(place / f"data/{split}-00000-of-00001.parquet")
        card += [f"  - split: {split}", f"    path: data/{split}-*"]
    write_lines(place / "README.md", [*card, "---"])


def _rows(key: Key, part: Part, root: Path) -> list[dict[str, Any]]:
    if key == "domainnet":
        return [
            {"path": path, "label": label, "domain": domain}
            for domain in DOMAINS
            for path, label in _pairs(folder.read_domain(domain, root).parts[part])
        ]
    if key == "imagenet":
        there = len(list((root / "imagenet/train").iterdir()))
        found = folder.read_imagenet(root, imagenet_wnids()[:there])
        return [{"path": path, "label": label} for path, label in _pairs(found.parts[part])]
    sorted_ = sorted(tiny_wnids())
    return [
        {"path": path, "label": sorted_.index(tiny_wnids()[label])}
        for path, label in _pairs(folder.read_tinyimagenet(root).parts[part])
    ]


def _pairs(samples: Any) -> list[tuple[str, int]]:
    return list(zip(samples.images, samples.labels, strict=True))


def _names(key: Key) -> list[str]:
    if key == "tinyimagenet":
        given = {ours: theirs for theirs, ours in document("hub.toml")["tinyimagenet"]["renamed"].items()}
        return [given.get(wnid, wnid) for wnid in sorted(tiny_wnids())]
    if key == "imagenet":
        return [f"class {number}" for number in range(1000)]
    from clbench_cil.catalogue import domain_classes

    return list(domain_classes())


def _kept(key: Key, row: dict[str, Any]) -> str:
    """The name that the copy keeps: ImageNet's ends in the class, DomainNet's begins with folders."""
    path = Path(row["path"])
    if key == "imagenet":
        return f"{path.stem}_{path.parent.name}.JPEG"
    return "/".join(path.parts[-3:]) if key == "domainnet" else path.name
