"""Label spaces: the classes a model may answer with, each with the templates that put it into words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

__all__ = ["LABEL_SPACES", "LabelSpace", "LabelSpaceName"]

LabelSpaceName = Literal["task", "seen", "union"]
LABEL_SPACES: tuple[LabelSpaceName, ...] = ("task", "seen", "union")


@dataclass(frozen=True)
class LabelSpace:
    """Classes and their templates, in column order.

    Two columns may have the same class name (two tasks may share a concept); they stay two columns, unless
    the stream says that they are one class.

    Attributes:
        classes: class names, one per column.
        templates: for each column the templates of its task, ``{}`` standing for the class name. The
            first one is the training prompt; all of them are averaged at test.
        task: index of the task these columns belong to, only where the protocol grants the task's
            identity *and* the method declares that it uses it; otherwise ``None``.
        shared: names that are one class in whichever task they come, even with other templates.
    """

    classes: tuple[str, ...]
    templates: tuple[tuple[str, ...], ...]
    task: int | None = None
    shared: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if len(self.classes) != len(self.templates):
            raise ValueError(
                f"{len(self.classes)} classes but {len(self.templates)} template lists: one list per class"
            )

    def __len__(self) -> int:
        return len(self.classes)

    @cached_property
    def digest(self) -> str:
        """A key that is equal for equal classes and templates (nothing else is in it)."""
        text = json.dumps([self.classes, self.templates], ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def first_prompts(self) -> tuple[str, ...]:
        """The training prompt of each column: its first template."""
        return tuple(t[0].replace("{}", c) for c, t in zip(self.classes, self.templates, strict=True))

    @cached_property
    def prompts(self) -> tuple[tuple[str, ...], ...]:
        """All prompts of each column."""
        return tuple(
            tuple(t.replace("{}", c) for t in ts) for c, ts in zip(self.classes, self.templates, strict=True)
        )

    @classmethod
    def of(cls, classes: Sequence[str], templates: Sequence[str], task: int | None = None) -> LabelSpace:
        """A label space whose columns all share ``templates``."""
        return cls(tuple(classes), (tuple(templates),) * len(classes), task)

    @classmethod
    def join(cls, parts: Sequence[LabelSpace]) -> LabelSpace:
        """Put the columns of several label spaces side by side."""
        return cls(
            tuple(c for p in parts for c in p.classes), tuple(t for p in parts for t in p.templates), None
        )
