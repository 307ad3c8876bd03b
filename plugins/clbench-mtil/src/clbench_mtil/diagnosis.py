"""What of the data is there, what is missing, and how to get it. No data set is opened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from clbench_mtil.catalogue import DataSet, data_sets
from clbench_mtil.hubcopies import hub_copy
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
        cure: the command that brings it, or where it is to be had.
    """

    key: str
    what: str
    there: bool
    missing: tuple[Path, ...] = ()
    cure: str = ""


def diagnose(root: Path) -> Iterator[Finding]:
    """Look for the eleven data sets, CoOp's splits and the reference data under ``root``."""
    for entry in data_sets().values():
        missing = entry.missing(root)
        yield Finding(entry.key, "images", not missing, missing, _cure(entry))
        if entry.split is not None:
            folder = root / entry.split_in[0]
            yield Finding(
                entry.key,
                "CoOp's split",
                find_split(entry, root) is not None,
                (folder / entry.split,),
                f"{entry.split} is linked in CoOp's DATASETS.md (github.com/KaiyangZhou/CoOp)",
            )
    yield Finding(
        "imagenet",
        "reference images",
        find_images(root) is not None,
        (root / IMAGES[0],),
        "ILSVRC2012_img_train.tar from image-net.org, a folder per class",
    )
    yield Finding(
        "captions",
        "reference texts",
        find_captions(root) is not None,
        (root / CAPTIONS[0] / "*.tsv",),
        "the validation split from ai.google.com/research/ConceptualCaptions/download",
    )


def _cure(entry: DataSet) -> str:
    other = f"from the hub, {hub_copy(entry.key).path}: CLBENCH_MTIL_SOURCE=hub"
    if entry.download_gb:
        return f"clbench prepare mtil --fetch --only {entry.key}; or {other}"
    return f"torchvision cannot fetch it (github.com/pytorch/vision/issues/7545 has its parts); {other}"
