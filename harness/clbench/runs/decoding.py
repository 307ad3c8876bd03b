"""Decodes a stream's test images before a run begins, so that no figure of time has it in it."""

from __future__ import annotations

from collections.abc import Callable

from clbench.streams import Preprocessing, Stream, cache_root
from clbench.streams.disk import check_room

__all__ = ["decode_tests"]


def decode_tests(stream: Stream, preprocessing: Preprocessing, progress: Callable[[int, int], None]) -> None:
    """Decode the test images that are not in the cache yet.

    Args:
        stream: whose tasks.
        preprocessing: the backbone's.
        progress: told (images done, images in all) of those that are missing; not at all if none are.

    Raises:
        DataError: the disk has no room for all of them, or one cannot be decoded.
    """
    files = [task.test.pixel_file(preprocessing) for task in stream.tasks]
    missing = [task.test for task, file in zip(stream.tasks, files, strict=True) if not file.whole]
    if not missing:
        return
    check_room(cache_root(), sum(file.missing_bytes for file in files), "the decoded test images")
    before, total = 0, sum(map(len, missing))
    for images in missing:

        def told(done: int, _of: int, before: int = before) -> None:
            progress(before + done, total)

        images.pixels(preprocessing, progress=told)
        before += len(images)
