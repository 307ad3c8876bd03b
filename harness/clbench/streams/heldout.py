"""Data sets of no task: tested after each task, never learned."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property

from clbench.errors import DataError
from clbench.streams.images import ImageSet
from clbench.streams.labels import LabelSpace

__all__ = ["HeldOut"]


@dataclass(frozen=True)
class HeldOut:
    """Classes and test images that show what is left of the zero-shot skill outside of the stream.

    Attributes:
        key, title: the name to type and to print.
        classes: class names; the label of an image is an index into them.
        templates: prompts with ``{}``; the embeddings of all are averaged.
        test: the images.
        origin: where they are from, in words, such as a repository and its commit; empty for a folder of the
            user's. It is recorded, and identifies nothing.

    Raises:
        DataError: there are no images, or a label is none of the classes.
    """

    key: str
    title: str
    classes: tuple[str, ...]
    templates: tuple[str, ...]
    test: ImageSet
    origin: str = ""

    def __post_init__(self) -> None:
        if not self.templates or not all("{}" in template for template in self.templates):
            raise DataError(f"{self.title} needs templates with {{}} where the class name goes")
        self.test.check_labels(len(self.classes), self.key)

    @cached_property
    def labels(self) -> LabelSpace:
        return LabelSpace.of(self.classes, self.templates)

    @cached_property
    def digest(self) -> str:
        """Of images, labels, class names and templates."""
        text = json.dumps([self.test.digest, self.classes, self.templates])
        return hashlib.sha256(text.encode()).hexdigest()[:16]
