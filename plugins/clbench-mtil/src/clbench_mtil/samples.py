"""Images and labels before they are an image set: paths, bytes or a table of the hub, never pixels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from clbench.streams import ImageSet

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["Collection", "Samples", "Splits", "TableSamples", "image_set"]


@dataclass(frozen=True)
class Samples:
    """Images (a path, or the bytes of an encoded image) with their labels."""

    images: Sequence[Any]
    labels: Sequence[int]

    def __post_init__(self) -> None:
        if len(self.images) != len(self.labels):
            raise ValueError(f"{len(self.images)} images but {len(self.labels)} labels")

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: Iterable[int]) -> Samples:
        """Those at ``indices``, in that order."""
        chosen = list(indices)
        return Samples([self.images[i] for i in chosen], [self.labels[i] for i in chosen])

    def relabelled(self, labels: Sequence[int]) -> Samples:
        """The same images with other labels."""
        return Samples(self.images, labels)

    @property
    def contents(self) -> list[str] | None:
        """What identifies each image, as SHA-256; ``None``: its folder and file name, or its bytes."""
        return None

    def table(self, classes: Sequence[str], mode: str | None) -> Dataset:
        """A ``datasets.Dataset`` of ``image``, of a feature that names ``mode``, and ``label``."""
        import datasets
        import pyarrow as pa

        # as the library stores images; built here since its own way looks at each value
        encoded = pa.array([i if isinstance(i, bytes) else None for i in self.images], pa.binary())
        paths = pa.array([i if isinstance(i, str) else None for i in self.images], pa.string())
        images = pa.StructArray.from_arrays([encoded, paths], names=["bytes", "path"])
        features = datasets.Features({"image": datasets.Image(mode=mode), "label": _labels(classes)})
        table = pa.table({"image": images, "label": pa.array(self.labels, pa.int64())})
        return datasets.Dataset(table, info=datasets.DatasetInfo(features=features))


class TableSamples(Samples):
    """Samples that stay in the Arrow files in which the hub's library keeps them.

    Args:
        source: has the column ``image``.
        labels: of those that are chosen.
        chosen: indices into ``source``.
        names: where torchvision has each image of ``source``, relative to the data root. They then identify
            the images, as they do those of a folder.
    """

    source: Dataset
    names: Sequence[str] | None

    def __init__(
        self,
        source: Dataset,
        labels: Sequence[int],
        chosen: Sequence[int] | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        super().__init__(range(len(source)) if chosen is None else chosen, labels)
        object.__setattr__(self, "source", source)
        object.__setattr__(self, "names", names)

    def take(self, indices: Iterable[int]) -> Samples:
        found = super().take(indices)
        return TableSamples(self.source, found.labels, found.images, self.names)

    def relabelled(self, labels: Sequence[int]) -> Samples:
        return TableSamples(self.source, labels, self.images, self.names)

    @property
    def contents(self) -> list[str] | None:
        if self.names is None:
            return None
        # folder and file name, by which an image set knows a file wherever the data lie
        tails = ("/".join(self.names[i].split("/")[-2:]) for i in self.images)
        return [sha256(tail.encode()).hexdigest() for tail in tails]

    def table(self, classes: Sequence[str], mode: str | None) -> Dataset:
        import datasets

        # the column is added before rows are chosen: the other way round, images would be copied
        labels = [0] * len(self.source)
        for index, label in zip(self.images, self.labels, strict=True):
            labels[index] = label
        table = self.source.cast_column("image", datasets.Image(mode=mode))
        return table.add_column("label", labels, feature=_labels(classes)).select(self.images)


def _labels(classes: Sequence[str]) -> Any:
    """The feature of labels. Names that come twice, as two of ImageNet's do, are none that it takes."""
    import datasets

    unique = len(set(classes)) == len(classes)
    return datasets.ClassLabel(names=list(classes)) if unique else datasets.Value("int64")


@dataclass(frozen=True)
class Collection:
    """A data set as its source has it.

    Attributes:
        names: class names as the source spells them; a label is an index into them.
        parts: samples by the source's own split, or all of them under ``all``.
        origin: repository and commit, if it is from the hub.
        differs: why these are not torchvision's samples in torchvision's order; empty if they are.
    """

    names: tuple[str, ...]
    parts: Mapping[str, Samples]
    origin: str = ""
    differs: str = ""


@dataclass(frozen=True)
class Splits:
    """A data set as a protocol has it: ``train`` and ``test``, and ``validation`` where there is one."""

    classes: tuple[str, ...]
    parts: Mapping[str, Samples] = field(default_factory=dict)


def image_set(samples: Samples, classes: Sequence[str], mode: str | None, name: str) -> ImageSet:
    """Make of ``samples`` what the harness reads.

    ``mode`` is kept in the image column's feature; without one, images are resized as they are stored, as the
    authors' loaders do where torchvision converts nothing.
    """
    table = samples.table(classes, mode)
    return ImageSet(table, name=name, contents=samples.contents, as_stored=mode is None)
