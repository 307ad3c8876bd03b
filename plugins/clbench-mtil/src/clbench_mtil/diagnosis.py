"""What of the data is there, what is missing, and how to get it. No data set is opened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from clbench_mtil.catalogue import DataSet, data_sets
from clbench_mtil.heldout import CIFAR10, IMAGENET_VAL
from clbench_mtil.hubcopies import from_hub, hub_copy
from clbench_mtil.hubtables import fetched
from clbench_mtil.protocols import find_split
from clbench_mtil.reference import CAPTIONS, IMAGES, find_captions, find_images

__all__ = ["Finding", "diagnose"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that streams need.

    Attributes:
        key: of the data set, or the name of the reference data.
        what: what is needed, in words.
        there: whether it is.
        missing: the paths that are not there.
        cure: the commands that bring it, or where it is to be had, a line each.
    """

    key: str
    what: str
    there: bool
    missing: tuple[Path, ...] = ()
    cure: str = ""


def diagnose(root: Path) -> Iterator[Finding]:
    """Look for the eleven data sets, CoOp's splits and the reference data under ``root``."""
    for entry in data_sets().values():
        yield _images(entry, root)
        if entry.split is not None:
            yield Finding(
                entry.key,
                "CoOp's split",
                find_split(entry, root) is not None,
                (root / entry.split_in[0] / entry.split,),
                f"clbench prepare mtil --fetch --protocol coop --only {entry.key}\n"
                f"or https://drive.google.com/file/d/{entry.split_drive}/view, from CoOp's DATASETS.md",
            )
    yield Finding(
        "imagenet",
        "reference images",
        find_images(root) is not None or _fetched("imagenet"),
        (root / IMAGES[0],),
        f"ILSVRC2012_img_train.tar from image-net.org, a folder per class\n{_hub('imagenet')}",
    )
    yield Finding(
        "captions",
        "reference texts",
        find_captions(root) is not None or _fetched("captions"),
        (root / CAPTIONS[0] / "*.tsv",),
        f"the validation split from ai.google.com/research/ConceptualCaptions/download\n{_hub('captions')}",
    )
    for key, places, source in (
        ("imagenet-val", IMAGENET_VAL, "ILSVRC2012_img_val.tar from image-net.org, a folder per class"),
        ("cifar10", (CIFAR10,), "cifar-10-python.tar.gz from www.cs.toronto.edu/~kriz/cifar.html"),
    ):
        yield Finding(
            key,
            "held-out images",
            any((root / place).is_dir() for place in places) or _fetched(key),
            (root / places[0],),
            f"{source}\n{_hub(key)}",
        )


def _fetched(key: str) -> bool:
    """Whether it is on disk from the hub, and may be read from there."""
    return from_hub(key) and fetched(hub_copy(key))


def _hub(key: str) -> str:
    """How it comes from the hub."""
    command = f"CLBENCH_MTIL_SOURCE=hub clbench prepare mtil --fetch --only {key}"
    return f"{command}  (from the hub, {hub_copy(key).path})"


def _images(entry: DataSet, root: Path) -> Finding:
    if from_hub(entry.key):
        copy = hub_copy(entry.key)
        return Finding(entry.key, f"images, from the hub: {copy.pinned}", fetched(copy), (), _hub(entry.key))
    missing = entry.missing(root)
    cures = [f"clbench prepare mtil --fetch --only {entry.key}"] if entry.download_gb else []
    cures.append(_hub(entry.key))
    if not entry.download_gb:
        cures.append("torchvision cannot fetch it; github.com/pytorch/vision/issues/7545 has its parts")
    return Finding(entry.key, "images", not missing, missing, "\n".join(cures))
