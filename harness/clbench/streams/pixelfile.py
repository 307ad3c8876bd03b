"""Decoded images on disk: one ``.npy`` file, filled piece by piece, whole only under its own name.

While it is being filled, images lie in order in ``NAME.npy.part``, and ``NAME.npy.progress`` has a checksum
of each of those that are safe. A piece is written and synchronised before it is counted, so that whatever
moment the process dies in, what is counted is there, and what is not is written again. The last step gives
the file its name.

``NAME.npy.sums`` keeps the checksums (CRC-32). They are compared when a process uses the file for the first
time; images that are not as they were decoded are decoded again, with a warning.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np

from clbench.errors import DataError
from clbench.locking import locked
from clbench.results.checked import DamagedError
from clbench.streams.disk import check_room, not_written
from clbench.streams.pixelsums import NO_SUMS, PixelSums, checksum

__all__ = ["PIECE_BYTES", "PixelFile", "decoding_threads"]

PIECE_BYTES = 2**25
"""Of pixels that are decoded, written and counted at once: 222 images of 224 × 224."""

_checked: set[tuple[str, int, int, int, int]] = set()
"""Files that this process has found whole: path, inode, size, time of change."""

_MOST_THREADS = 16
_MOST_NAMED = 5

log = logging.getLogger(__name__)

Read = Callable[[int, int], Sequence[Any]]
View = Callable[[int, Any], np.ndarray]


class PixelFile:
    """uint8 pixels of ``images`` images, shape (images, 3, side, side).

    Args:
        path: the ``.npy`` file.
        images, side: how many images, and how many pixels high and wide.
        name: of the images, for messages.
    """

    def __init__(self, path: Path, images: int, side: int, name: str) -> None:
        self.path = path
        self.name = name
        self.shape = (images, 3, side, side)
        self._part = path.with_name(f"{path.name}.part")
        self._progress = PixelSums(
            path.with_name(f"{path.name}.progress"), "progress of decoding", path.name, self.shape
        )
        self._sums = PixelSums(path.with_name(f"{path.name}.sums"), "checksums", path.name, self.shape)

    @property
    def whole(self) -> bool:
        """Whether all images are decoded, as far as the form of the files tells."""
        return self._form_problem is None

    @property
    def _form_problem(self) -> str | None:
        """What is wrong with the form of the files; nothing for whole ones."""
        if not self.path.exists():
            return ""
        try:
            with self.path.open("rb") as file:
                head = file.read(self._end_of(0))
                size = file.seek(0, os.SEEK_END)
        except OSError as error:
            return error.strerror or str(error)
        if head != self._head or size != self._end_of(self.shape[0]):
            return f"it does not hold uint8 of {self.shape}"
        try:
            self._sums.load()
        except DamagedError as error:
            return f"{error.what}: {error.why}"
        return None

    @property
    def decoded(self) -> int:
        """How many images need not be decoded again."""
        if self.whole:
            return self.shape[0]
        try:
            count = len(self._progress.load(all_images=False))
            written = self._part.stat().st_size
        except (OSError, DamagedError):
            return 0
        return count if 0 < count <= self.shape[0] and written >= self._end_of(count) else 0

    @property
    def missing_bytes(self) -> int:
        """Bytes that it has still to be given."""
        return 0 if self.whole else self._end_of(self.shape[0]) - self._end_of(self.decoded)

    def open(self, read: Read, view: View, progress: Callable[[int, int], None] | None = None) -> np.ndarray:
        """Map the pixels into memory, read-only; decode first those that are missing or damaged.

        One process decodes; others that want the same file wait for it and use it.

        Args:
            read: (start, stop) → what is known of these images, in this thread.
            view: (index, what is known of it) → its pixels, uint8 (3, side, side), in several threads.
            progress: told (images done, images in all) after each piece.

        Raises:
            DataError: an image cannot be decoded, or the disk is full.
        """
        if not self.whole:
            with self._written():
                problem = self._form_problem
                if problem:
                    log.warning("%s: %s; all images of %s are decoded again", self.path, problem, self.name)
                if problem is not None:
                    self._fill(read, view, progress)
        pixels = self._mapped()
        if self._stamp() not in _checked:
            if len(self.changed(pixels)):
                with self._written():
                    self._mend(self.changed(pixels), read, view)
            _checked.add(self._stamp())
        return pixels

    def changed(self, pixels: np.ndarray) -> np.ndarray:
        """Indices of the images in ``pixels``, all of the file's, that are not as they were decoded.

        Raises:
            DamagedError: the checksums are damaged or not there.
        """
        return self._sums.changed(pixels, decoding_threads())

    @contextmanager
    def _written(self) -> Iterator[None]:
        """One process writes at a time; what the disk refuses is said in words."""
        try:
            with locked(self.path.with_name(f"{self.path.name}.lock"), waiting=self._waiting):
                yield
        except OSError as error:
            raise not_written(self.path, self.missing_bytes, error) from error

    def _stamp(self) -> tuple[str, int, int, int, int]:
        found = self.path.stat()
        # The time of change, too, which no program can set: a method may have written to the file.
        return (str(self.path), found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

    def _mend(self, changed: np.ndarray, read: Read, view: View) -> None:
        """Decode the images ``changed`` again, in their places."""
        if not len(changed):  # another process has done it
            return
        log.warning(
            "%s: %d of %d images of %s are not as they were decoded; they are decoded again",
            *(self.path, len(changed), self.shape[0], self.name),
        )
        sums = self._sums.load().copy()
        with self.path.open("r+b") as file:
            for index in map(int, changed):
                [known] = read(index, index + 1)
                pixels = np.ascontiguousarray(view(index, known))
                sums[index] = checksum(pixels)
                file.seek(self._end_of(index))
                _write(file, pixels)
        self._sums.keep(sums)

    def _waiting(self) -> None:
        log.warning("%s: another process is decoding these images; waiting for it", self.name)

    def _fill(self, read: Read, view: View, progress: Callable[[int, int], None] | None) -> None:
        done, total = self.decoded, self.shape[0]
        check_room(self.path.parent, self.missing_bytes, f"the decoded images of {self.name}")
        if not done:
            self._progress.path.unlink(missing_ok=True)  # before there is a part that it does not count
        for left in self.path.parent.glob(
            f".{self._progress.path.name}.*.tmp"
        ):  # by a process that was killed
            left.unlink(missing_ok=True)
        with self._part.open("r+b" if done else "wb") as file:
            if not done:
                file.write(self._head)
            file.seek(self._end_of(done))
            file.truncate()
            if progress is not None:
                progress(done, total)
            sums = self._progress.load(all_images=False) if done else NO_SUMS
            with closing(self._decoded(done, read, view)) as pieces:
                for piece, of_piece in pieces:
                    _write(file, piece)
                    done += len(piece)
                    sums = np.concatenate([sums, of_piece])
                    self._progress.keep(sums)
                    if progress is not None:
                        progress(done, total)
            _write(file, b"")
        self._sums.keep(sums)
        self._part.replace(self.path)
        self._progress.path.unlink(missing_ok=True)

    def _decoded(
        self, start: int, read: Read, view: View
    ) -> Generator[tuple[np.ndarray, np.ndarray], None, None]:
        """The missing pixels, piece by piece, each with its images' checksums.

        One piece is decoded while the one before is written.
        """
        total = self.shape[0]
        size = max(1, PIECE_BYTES // max(1, math.prod(self.shape[1:])))
        pool = ThreadPoolExecutor(decoding_threads(), thread_name_prefix="decode")

        def begin(first: int) -> tuple[np.ndarray, np.ndarray, list[Future[None]]]:
            last = min(first + size, total)
            piece = np.empty((last - first, *self.shape[1:]), dtype=np.uint8)
            sums = np.empty(last - first, dtype="<u4")

            def one(offset: int, known: Any) -> None:
                piece[offset] = view(first + offset, known)
                sums[offset] = checksum(piece[offset])

            try:
                items = read(first, last)
            except OSError as error:
                raise DataError(f"the images of {self.name} cannot be read", why=str(error)) from error
            return piece, sums, [pool.submit(one, i, known) for i, known in enumerate(items)]

        try:
            following = begin(start) if start < total else None
            while following is not None:
                piece, sums, jobs = following
                start += len(piece)
                following = begin(start) if start < total else None
                _finish(jobs, self.name)
                yield piece, sums
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _mapped(self) -> np.ndarray:
        try:
            array: np.ndarray = np.load(self.path, mmap_mode="r")
        except (OSError, ValueError, EOFError) as error:
            raise DataError(
                f"the decoded images of {self.name} in {self.path} cannot be read",
                why=" ".join(str(error).split()),
                fix=f"rm {self.path}; they are decoded again when they are needed",
            ) from error
        return array

    @property
    def _head(self) -> bytes:
        head = BytesIO()
        np.lib.format.write_array_header_1_0(
            head, {"descr": "|u1", "fortran_order": False, "shape": self.shape}
        )
        return head.getvalue()

    def _end_of(self, images: int) -> int:
        """Where the first ``images`` images end in the file."""
        return len(self._head) + images * math.prod(self.shape[1:])


def _write(file: IO[bytes], content: Any) -> None:
    """Write, and wait until it is on the disk."""
    # not by way of a memory map: on a full disk that ends the process instead of raising an error
    file.write(content)
    file.flush()
    os.fsync(file.fileno())


def _finish(jobs: list[Future[None]], name: str) -> None:
    """Wait for all, and report all images that cannot be read together."""
    problems: list[DataError] = []
    for job in jobs:
        try:
            job.result()
        except DataError as error:
            problems.append(error)
    if len(problems) == 1:
        raise problems[0]
    if problems:
        named = "".join(f"\n  - {problem.what}: {problem.why}" for problem in problems[:_MOST_NAMED])
        more = f"\n  and {len(problems) - _MOST_NAMED} more" if len(problems) > _MOST_NAMED else ""
        raise DataError(
            f"{len(problems)} of {len(jobs)} images of {name} cannot be read",
            why=named + more,
            fix=problems[0].fix,
        )


def decoding_threads() -> int:
    """How many images are decoded at once: one for each core of this process, sixteen at most."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, _MOST_THREADS)
