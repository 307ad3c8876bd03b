"""Decodes test images before a run begins, so that no figure of time has it in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from clbench.streams import ImageSet, Preprocessing, cache_root
from clbench.streams.disk import check_room

__all__ = ["decode_tests"]


def decode_tests(
    sets: Iterable[ImageSet], preprocessing: Preprocessing, progress: Callable[[int, int], None]
) -> None:
    """Decode the test images that are not in the cache yet.

    Args:
        sets: of tasks and of held-out data; some may be the same.
        preprocessing: the backbone's.
        progress: told (images done, images in all) of those that are missing; not at all if none are.

    Raises:
        DataError: the disk has no room for all of them, or one cannot be decoded.
    """
    found = {file.path: (file, images) for images in sets for file in [images.pixel_file(preprocessing)]}
    missing = [(file, images) for file, images in found.values() if not file.whole]
    if not missing:
        return
    check_room(cache_root(), sum(file.missing_bytes for file, _ in missing), "the decoded test images")
    before, total = 0, sum(len(images) for _, images in missing)
    for _, images in missing:

        def told(done: int, _of: int, before: int = before) -> None:
            progress(before + done, total)

        images.pixels(preprocessing, progress=told)
        before += len(images)
