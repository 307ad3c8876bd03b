"""Images as Hugging Face ``datasets`` (Arrow), decoded and resized once into a memory-mapped array."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clbench.errors import DataError
from clbench.streams.disk import cache_root
from clbench.streams.files.colours import ColourError, identity, kind_of, plain
from clbench.streams.pixelfile import PixelFile, decoding_threads
from clbench.streams.preprocessing import Preprocessing

if TYPE_CHECKING:
    import PIL.Image
    from datasets import Dataset

__all__ = ["ImageSet"]


class ImageSet:
    """Images with labels.

    Args:
        dataset: a ``datasets.Dataset`` with an ``Image`` column and, unless ``label`` is ``None``,
            an integer or ``ClassLabel`` column. Where the ``Image`` feature has a ``mode``, images are
            converted to it when they are decoded, before anything else.
        name: where it comes from, for messages.
        image, label: the columns' names.
        group: name of a column that says which images are alike, such as renderings of one design or pages
            of one writer: a text or number that images of one group share; an image with null is alone. It is
            for intervals of test images, and identifies nothing: it is in no digest.
        contents: for files on disk, what identifies each image by its bytes, as
            :func:`clbench.streams.files.contents.content_digests` gives it; else folder and file name do.
        as_stored: resize images in the mode that they are stored in (palettes by nearest neighbour), where
            published figures are of such images. Otherwise all become 8-bit RGB or grey before anything else.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        name: str = "images",
        image: str = "image",
        label: str | None = "label",
        group: str | None = None,
        contents: Sequence[str] | None = None,
        as_stored: bool = False,
    ) -> None:
        import datasets

        missing = {image, *filter(None, (label, group))} - set(dataset.column_names)
        if missing:
            raise DataError(
                f"{name} lacks the column {', '.join(sorted(missing))}",
                why=f"it has {', '.join(dataset.column_names)}",
            )
        self.name = name
        self.dataset = dataset
        self._mode: str | None = getattr(dataset.features[image], "mode", None)
        self._raw = dataset.select_columns([image]).cast_column(image, datasets.Image(decode=False))
        self._image = image
        self._label = label
        self._group = group
        self._contents = None if contents is None else tuple(contents)
        self._as_stored = as_stored

    def __len__(self) -> int:
        return len(self._raw)

    @cached_property
    def labels(self) -> np.ndarray:
        """int64, shape (n,); zeros where there is no label column."""
        if self._label is None:
            return np.zeros(len(self), dtype=np.int64)
        column = self.dataset.select_columns([self._label]).with_format("numpy")[self._label]
        return np.asarray(column, dtype=np.int64)

    @cached_property
    def groups(self) -> np.ndarray | None:
        """The number of each image's group as they occur, int64 (n,); ``None`` where none are named."""
        if self._group is None:
            return None
        numbers: dict[object, int] = {}
        names = list(self.dataset.select_columns([self._group]).with_format(None)[self._group])
        odd = next((name for name in names if not isinstance(name, str | int | None)), None)
        if odd is not None:
            raise DataError(
                f"the column {self._group} of {self.name} is to name groups of images",
                why=f"it holds {odd!r}, which is neither text nor a whole number",
            )
        # an image that is in no group is one by itself
        keys = [(i,) if name is None else name for i, name in enumerate(names)]
        return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)

    @property
    def group_count(self) -> int | None:
        """How many groups there are, images that are alone counted; ``None`` where none are named."""
        return None if self.groups is None else int(self.groups.max(initial=-1)) + 1

    @cached_property
    def digest(self) -> str:
        """Content digest: encoded bytes (or path, for files on disk) and label of each image, in order.

        Of images whose pixels depend on when they become RGB, that they become so first is in it.
        """
        total = hashlib.sha256((self._mode or "").encode())
        for content in self._content_digests():
            total.update(content)
        total.update(self.labels.tobytes())
        return total.hexdigest()

    def _content_digests(self) -> Iterator[bytes]:
        if self._contents is not None:
            yield from map(bytes.fromhex, self._contents)
            return
        for item in self._raw_items():
            raw = item["bytes"]
            content = hashlib.sha256(raw if raw is not None else _tail(item["path"]).encode()).digest()
            converted = self._mode is None and not self._as_stored
            yield (
                identity(content, kind_of(raw if raw is not None else item["path"])) if converted else content
            )

    def _raw_items(self) -> Iterator[dict[str, Any]]:
        """What the image column holds, undecoded: ``bytes`` and ``path`` of each image, in order."""
        column = self._raw.with_format("arrow")  # ten times faster than rows of Python objects
        for start in range(0, len(self), 1024):
            yield from column[start : start + 1024][self._image].to_pylist()

    def select(self, indices: Sequence[int]) -> ImageSet:
        """The images at ``indices``, in that order."""
        return ImageSet(
            self.dataset.select(indices),
            name=self.name,
            image=self._image,
            label=self._label,
            group=self._group,
            contents=None if self._contents is None else [self._contents[i] for i in indices],
            as_stored=self._as_stored,
        )

    def detached(self) -> ImageSet:
        """The same images and labels, no other column, and of a table in memory no other row.

        It is fit to be sent elsewhere: which images are alike stays here.
        """
        dataset = self.dataset
        if dataset._indices is not None and not dataset.cache_files:
            dataset = dataset.flatten_indices(keep_in_memory=True)
        columns = [self._image, *([self._label] if self._label else [])]
        return ImageSet(
            dataset.select_columns(columns),
            name=self.name,
            image=self._image,
            label=self._label,
            contents=self._contents,
            as_stored=self._as_stored,
        )

    def check_labels(self, classes: int, name: str) -> None:
        """Raise :class:`DataError` unless there are images and all labels are in ``0 … classes - 1``."""
        if len(self) == 0:
            raise DataError(f"{name} has no images")
        low, high = int(self.labels.min()), int(self.labels.max())
        if low < 0 or high >= classes:
            raise DataError(
                f"{name} has labels from {low} to {high}, but the task has {classes} classes",
                why="labels are indices into the class names, from 0",
            )

    def image(self, index: int) -> PIL.Image.Image:
        """Decode one image in its own size: in the mode of the column's feature, else in RGB or grey.

        Raises:
            DataError: the bytes are not an image or the file is gone; names the image.
        """
        return self._decode(int(index), self._raw[int(index)][self._image])

    def _decode(self, index: int, item: dict[str, Any]) -> PIL.Image.Image:
        """Decode what the image column holds of image ``index``: its bytes, or the path of its file."""
        return self._load(index, item, self._open(index, item))

    def _open(self, index: int, item: dict[str, Any]) -> PIL.Image.Image:
        """Read what an image begins with, its size."""
        import io

        import PIL.Image

        with self._named(index, item):
            image: PIL.Image.Image = PIL.Image.open(
                io.BytesIO(item["bytes"]) if item["bytes"] is not None else item["path"]
            )
        return image

    def _load(self, index: int, item: dict[str, Any], image: PIL.Image.Image) -> PIL.Image.Image:
        """Decode an opened image, and convert it as it is to be before it is resized."""
        with self._named(index, item):
            image.load()
            if self._as_stored or image.mode == self._mode:
                return image
            converted = plain(image)
            return converted if self._mode in (None, converted.mode) else converted.convert(self._mode)

    @contextmanager
    def _named(self, index: int, item: dict[str, Any]) -> Iterator[None]:
        """Say in an error which image it is of."""
        try:
            yield
        except MemoryError:
            raise
        except Exception as error:
            # PIL raises whatever damaged bytes lead to
            raise DataError(
                f"image {index} of {self.name} cannot be read",
                why=f"{item['path'] or 'its bytes in the table'}: {_unreadable(item, error)}",
                fix=_cure(item, error),
            ) from error

    def files(self) -> Iterator[str]:
        """The path of each image that is a file, in order; of those inside a table, nothing."""
        column = self._raw.with_format("arrow")
        for start in range(0, len(self), 1024):
            # The images themselves, which a table may hold, are not read.
            for chunk in column[start : start + 1024][self._image].chunks:
                inside = chunk.field("bytes").is_valid().to_pylist()
                paths = chunk.field("path").to_pylist()
                yield from (path for path, held in zip(paths, inside, strict=True) if not held)

    def pixels(
        self,
        preprocessing: Preprocessing,
        cache: Path | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> np.ndarray:
        """The test view of every image, uint8 (n, 3, size, size), memory-mapped.

        Computed on first use and kept under ``cache`` (default :func:`clbench.streams.cache_root`) by content
        and preprocessing. What was decoded before an interruption is not decoded again, and what is not
        complete is never read.

        Args:
            preprocessing: resize and crop.
            cache: folder of all caches.
            progress: told (images done, images in all) while images are decoded; not at all if none are.

        Raises:
            DataError: an image cannot be read, or the disk is full.
        """
        column = self._raw.with_format("arrow")

        def read(start: int, stop: int) -> list[dict[str, Any]]:
            items: list[dict[str, Any]] = column[start:stop][self._image].to_pylist()
            return items

        def view(index: int, item: dict[str, Any]) -> np.ndarray:
            return preprocessing.to_pixels(self._decode(index, item))

        return self.pixel_file(preprocessing, cache).open(read, view, progress)

    def pixel_file(self, preprocessing: Preprocessing, cache: Path | None = None) -> PixelFile:
        """Where :meth:`pixels` are kept, and how many of them are there already."""
        path = (cache or cache_root()) / "pixels" / f"{self.digest[:24]}-{preprocessing.digest}.npy"
        return PixelFile(path, len(self), preprocessing.size, self.name)

    @cached_property
    def _small(self) -> np.ndarray | None:
        """All images decoded, uint8 (n, height, width, 3), where they are RGB of one small size."""
        first = self.image(0)
        if first.mode != "RGB" or max(first.size) > 64:
            return None
        decoded = np.empty((len(self), first.height, first.width, 3), dtype=np.uint8)
        for index, item in enumerate(self._raw_items()):
            image = self._decode(index, item)
            if image.mode != "RGB" or image.size != first.size:
                return None
            decoded[index] = np.asarray(image)
        return decoded

    def crops(self, indices: np.ndarray, preprocessing: Preprocessing, generator: Any) -> np.ndarray:
        """Fresh training views of the images at ``indices``: uint8 (batch, 3, size, size).

        Small images of one size stay decoded in memory; others are decoded by several threads, after the
        boxes are drawn one image after the other.
        """
        import PIL.Image

        if self._small is not None:
            images = (PIL.Image.fromarray(self._small[i]) for i in indices)
            return np.stack([preprocessing.random_crop(image, generator) for image in images])
        column = self._raw.with_format("arrow")
        items: list[dict[str, Any]] = column[np.asarray(indices)][self._image].to_pylist()
        opened = [self._open(int(i), item) for i, item in zip(indices, items, strict=True)]
        boxes = [preprocessing.random_box(*image.size, generator) for image in opened]

        def view(at: int) -> np.ndarray:
            image = self._load(int(indices[at]), items[at], opened[at])
            return preprocessing.cropped(image, boxes[at])

        with ThreadPoolExecutor(decoding_threads(), thread_name_prefix="crop") as pool:
            return np.stack([*pool.map(view, range(len(indices)))])


def _tail(path: str) -> str:
    """Folder and file name: what identifies a file wherever the data set lies."""
    folder, name = os.path.split(path)
    folder = os.path.basename(folder)  # noqa: PTH119 (a hundred thousand times)
    return f"{folder}/{name}" if folder else name


def _cure(item: dict[str, Any], error: Exception) -> str:
    """What mends an image that cannot be read: that image, and no other."""
    if isinstance(error, ColourError):
        return "save it again as the reason says"
    if isinstance(error, PermissionError):
        return f"let this user read it: chmod a+r {item['path']}"
    if item["bytes"] is not None:
        return "remove the table that holds it, and fetch that again"
    return "put the right file there; nothing else need be fetched again"


def _unreadable(item: dict[str, Any], error: Exception) -> str:
    """Why an image could not be decoded, in words."""
    import PIL

    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, PIL.UnidentifiedImageError):
        size = len(item["bytes"]) if item["bytes"] is not None else os.path.getsize(item["path"])  # noqa: PTH202
        return f"{size:,} bytes in no image format" if size else "it is empty"
    return " ".join(str(error).split()) or type(error).__name__
