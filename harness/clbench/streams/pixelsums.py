"""Checksums of decoded images, one an image: which are not as they were decoded."""

from __future__ import annotations

import math
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from clbench.results.checked import DamagedError, Identity, read_checked, write_checked

__all__ = ["NO_SUMS", "PixelSums", "checksum"]

_AT_ONCE = 2**22
"""Bytes of pixels that a thread compares at once."""

NO_SUMS = np.empty(0, dtype="<u4")


def checksum(pixels: np.ndarray) -> int:
    """CRC-32 of one image: up to three changed bits are found surely, more but for one case in 2 ** 32."""
    return zlib.crc32(np.ascontiguousarray(pixels).data)


class PixelSums:
    """A file with the CRC-32 of the first images of a :class:`~clbench.streams.pixelfile.PixelFile`.

    Args:
        path: the file.
        kind: what it is, in words.
        pixels: name of the pixels' file, which is of the images' contents and of the preprocessing.
        shape: of all images, (images, 3, side, side).
    """

    def __init__(self, path: Path, kind: str, pixels: str, shape: tuple[int, int, int, int]) -> None:
        self.path = path
        self._shape = shape
        self._identity = Identity(kind, {"file": pixels, "images": shape[0], "side": shape[-1]})

    def load(self, *, all_images: bool = True) -> np.ndarray:
        """uint32, (images,).

        Raises:
            DamagedError: the file is damaged, of other images, or not there; or it must be, and is not, of
                ``all_images``.
        """
        sums = np.frombuffer(read_checked(self.path, self._identity), dtype="<u4")
        if len(sums) > self._shape[0] or (all_images and len(sums) < self._shape[0]):
            raise DamagedError(f"{self.path} cannot be used", why=f"it is of {len(sums)} images")
        return sums

    def keep(self, sums: np.ndarray) -> None:
        """Write the file."""
        write_checked(self.path, sums.astype("<u4").tobytes(), self._identity)

    def changed(self, pixels: np.ndarray, threads: int) -> np.ndarray:
        """Indices of the images in ``pixels``, uint8 (images, 3, side, side), that have another checksum.

        Raises:
            DamagedError: see :meth:`load`.
        """
        size = max(1, _AT_ONCE // max(1, math.prod(self._shape[1:])))

        def sums(start: int) -> list[int]:
            return [checksum(image) for image in pixels[start : start + size]]

        with ThreadPoolExecutor(threads, thread_name_prefix="check") as pool:
            found = [one for part in pool.map(sums, range(0, len(pixels), size)) for one in part]
        return np.flatnonzero(np.array(found, dtype="<u4") != self.load())
