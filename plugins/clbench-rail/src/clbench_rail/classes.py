"""The classes learned so far, in the order of the regression's columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clbench import LabelSpace

__all__ = ["LearnedClasses"]

_Key = tuple[str, tuple[str, ...]]


class LearnedClasses:
    """Columns of the adapter. A class is its name with its templates: one that comes again, in another task,
    has the column it had."""

    def __init__(self) -> None:
        self._columns: dict[_Key, int] = {}

    def __len__(self) -> int:
        return len(self._columns)

    def add(self, labels: LabelSpace) -> list[int]:
        """Give columns to classes that have none; return the column of each class of ``labels``."""
        return [self._columns.setdefault(key, len(self._columns)) for key in _keys(labels)]

    def find(self, labels: LabelSpace) -> list[int | None]:
        """The column of each class of ``labels``, ``None`` for unseen ones."""
        return [self._columns.get(key) for key in _keys(labels)]

    @property
    def labels(self) -> LabelSpace:
        """All learned classes as a label space, in the order of their columns."""
        return LabelSpace(tuple(name for name, _ in self._columns), tuple(t for _, t in self._columns))

    def state_dict(self) -> dict[str, Any]:
        labels = self.labels
        return {"names": list(labels.classes), "templates": [list(t) for t in labels.templates]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        keys = zip(state["names"], map(tuple, state["templates"]), strict=True)
        self._columns = {key: column for column, key in enumerate(keys)}


def _keys(labels: LabelSpace) -> list[_Key]:
    return list(zip(labels.classes, labels.templates, strict=True))
