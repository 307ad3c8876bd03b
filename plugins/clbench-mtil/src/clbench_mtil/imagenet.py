"""ImageNet's images, from a folder in torchvision's layout or from the hub, in the order of the folder."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from clbench.errors import DataError

from clbench_mtil.hubcopies import hub_copy
from clbench_mtil.hubtables import load
from clbench_mtil.samples import Samples, TableSamples

__all__ = ["from_folder", "from_the_hub"]


def from_folder(folder: Path) -> Samples:
    """Images and labels of a folder that has one folder per class.

    Raises:
        DataError: it cannot be read so.
    """
    from torchvision.datasets import ImageFolder

    try:
        found = ImageFolder(folder).samples
    except OSError as error:
        raise DataError(
            f"{folder} cannot be read as a folder of images per class", why=str(error), fix="fetch it again"
        ) from error
    return Samples([path for path, _ in found], [label for _, label in found])


def from_the_hub(key: str, copies: Path | None = None) -> Samples:
    """The same from the hub, in the same order if the copy keeps the names of files, else in its own.

    Args:
        key: ``imagenet`` (to train) or ``imagenet-val``.
        copies: a folder with clones of the repositories, to be read instead.

    Raises:
        DataError: it is not on disk, or its labels are not those of the sorted numbers of WordNet.
    """
    copy = hub_copy(key)
    (splits,) = copy.splits.values()
    table = load(copy, splits, copies)
    labels = [int(label) for label in table.data.column(copy.label).to_pylist()]
    images = table.select_columns(["image"])
    kept = [path for chunk in table.data.column("image").chunks for path in chunk.field("path").to_pylist()]
    matches = [re.fullmatch(copy.named, PurePosixPath(path or "").name) for path in kept]
    names = [f"imagenet/{match['wnid']}/{match['file']}.JPEG" for match in matches if match]
    if len(set(names)) < len(table):
        return TableSamples(images, labels)
    wnids = sorted({name.split("/")[1] for name in names})
    if any(wnids[label] != name.split("/")[1] for label, name in zip(labels, names, strict=True)):
        raise DataError(
            f"the labels of {copy.shown} are not those of its files",
            why=f"{copy.pinned} has other labels than WordNet's numbers, sorted",
            fix="put the images into a folder per class under the data root",
        )
    order = sorted(range(len(names)), key=names.__getitem__)
    return TableSamples(images, [labels[i] for i in order], order, names)
