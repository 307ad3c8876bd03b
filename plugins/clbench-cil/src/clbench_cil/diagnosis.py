"""What of the data is there, what is missing, and how to get it. No data set is opened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from clbench_mtil.diagnosis import Finding
from clbench_mtil.reference import CAPTIONS, captioned

from clbench_cil.layouts import FOLDERS, Key, missing

__all__ = ["CURES", "diagnose"]

_HUB = "or from the hub, with CLBENCH_CIL_SOURCE=hub"

CURES: dict[Key, str] = {
    "tinyimagenet": f"clbench prepare cil --fetch --only tinyimagenet; {_HUB}",
    "imagenet": f"ILSVRC2012's train and val archives from image-net.org, a folder per class; {_HUB}",
    "domainnet": f"clbench prepare cil --fetch --only domainnet; {_HUB}",
}


def diagnose(root: Path) -> Iterator[Finding]:
    """Look for the three data sets and the reference data under ``root``."""
    for key in FOLDERS:
        lacking = missing(key, root)
        yield Finding(key, "images", not lacking, lacking, CURES[key])
    yield Finding(
        "captions",
        "reference images and texts",
        captioned(root),
        (root / CAPTIONS[0] / "*.tsv",),
        "the validation images of Conceptual Captions, with a table of columns title and filepath",
    )
