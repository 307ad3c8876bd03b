"""Holds a data set from the hub against the same from the folder: classes, labels, order, names, pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from clbench_mtil import folder, hub
from clbench_mtil.samples import Samples, image_set

__all__ = ["differences"]


def differences(
    key: str,
    root: Path,
    copies: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[str]:
    """What is another in the copy on the hub than under ``root``, in words; nothing if they are the same.

    Every image is decoded from both.

    Args:
        key: which data set.
        root: the data root.
        copies: a folder with clones of the repositories, to be read instead of the hub.
        progress: told (images done, images in all).

    Raises:
        DataError: one of the two cannot be read.
    """
    ours, theirs = folder.read(key, root), hub.read(key, copies)
    found = [theirs.differs] if theirs.differs else []
    if ours.names != theirs.names:
        pairs = [(a, b) for a, b in zip(ours.names, theirs.names, strict=False) if a != b]
        number = f"{len(theirs.names)}, not {len(ours.names)}"
        found.append(f"class names: {f'{pairs[0][1]!r}, not {pairs[0][0]!r}' if pairs else number}")
    for part in ours.parts:
        if part not in theirs.parts:
            found.append(f"{part}: is not there")
            continue
        found += _of_part(part, ours.parts[part], theirs.parts[part], progress)
    return found


def _of_part(
    part: str, ours: Samples, theirs: Samples, progress: Callable[[int, int], None] | None
) -> list[str]:
    if len(ours) != len(theirs):
        return [f"{part}: {len(theirs):,} images, not {len(ours):,}"]
    found = []
    unlike = sum(a != b for a, b in zip(ours.labels, theirs.labels, strict=True))
    if unlike:
        found.append(f"{part}: {unlike:,} of {len(ours):,} labels, in order")
    classes = [str(label) for label in range(max([*ours.labels, *theirs.labels]) + 1)]
    one, other = (image_set(samples, classes, None, part) for samples in (ours, theirs))
    if one.digest != other.digest and not unlike:
        found.append(f"{part}: names of images, in order")
    pixels = 0
    for index in range(len(one)):
        a, b = one.image(index), other.image(index)
        pixels += a.mode != b.mode or a.size != b.size or not np.array_equal(np.asarray(a), np.asarray(b))
        if progress is not None:
            progress(index + 1, len(one))
    if pixels:
        found.append(f"{part}: pixels of {pixels:,} of {len(one):,} images, in order")
    return found
