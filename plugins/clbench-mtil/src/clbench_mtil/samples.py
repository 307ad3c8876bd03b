"""Images and labels before they become a ``datasets.Dataset``: paths or encoded bytes, never pixels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from clbench.streams import ImageSet

__all__ = ["Collection", "Samples", "Splits", "image_set"]


@dataclass(frozen=True)
class Samples:
    """Images (a path, or the bytes of an encoded image) with their labels."""

    images: Sequence[str | bytes]
    labels: Sequence[int]

    def __post_init__(self) -> None:
        if len(self.images) != len(self.labels):
            raise ValueError(f"{len(self.images)} images but {len(self.labels)} labels")

    def __len__(self) -> int:
        return len(self.images)

    def take(self, indices: Iterable[int]) -> Samples:
        """Those at ``indices``, in that order."""
        chosen = list(indices)
        return Samples([self.images[i] for i in chosen], [self.labels[i] for i in chosen])


@dataclass(frozen=True)
class Collection:
    """A data set as its source has it.

    Attributes:
        names: class names as the source spells them; a label is an index into them.
        parts: samples by the source's own split, or all of them under ``all``.
    """

    names: tuple[str, ...]
    parts: Mapping[str, Samples]


@dataclass(frozen=True)
class Splits:
    """A data set as a protocol has it: ``train`` and ``test``, and ``validation`` where there is one."""

    classes: tuple[str, ...]
    parts: Mapping[str, Samples] = field(default_factory=dict)


def image_set(samples: Samples, classes: Sequence[str], mode: str | None, name: str) -> ImageSet:
    """Make of ``samples`` what the harness reads; ``mode`` is kept in the image column's feature."""
    import datasets

    features = datasets.Features(
        {"image": datasets.Image(mode=mode), "label": datasets.ClassLabel(names=list(classes))}
    )
    storage = [
        {"bytes": image, "path": None} if isinstance(image, bytes) else {"bytes": None, "path": image}
        for image in samples.images
    ]
    table = datasets.Dataset.from_dict({"image": storage, "label": list(samples.labels)}, features=features)
    return ImageSet(table, name=name)
