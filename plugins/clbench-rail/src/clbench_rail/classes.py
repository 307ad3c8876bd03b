"""The classes learned so far, in the order of the regression's columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clbench import LabelSpace

__all__ = ["LearnedClasses"]

_Key = tuple[str, tuple[str, ...]]


class LearnedClasses:
    """Columns of the adapter. A class is its name with its templates: one that comes again, in another task,
    has the column it had. Namesakes that the stream takes for one class are that with any templates."""

    def __init__(self) -> None:
        self._columns: dict[_Key, int] = {}
        self._templates: list[tuple[str, ...]] = []

    def __len__(self) -> int:
        return len(self._columns)

    def add(self, labels: LabelSpace) -> list[int]:
        """Give columns to classes that have none; return the column of each class of ``labels``."""
        columns = []
        for key, templates in zip(_keys(labels), labels.templates, strict=True):
            column = self._columns.setdefault(key, len(self._columns))
            if column == len(self._templates):
                self._templates.append(templates)
            columns.append(column)
        return columns

    def find(self, labels: LabelSpace) -> list[int | None]:
        """The column of each class of ``labels``, ``None`` for unseen ones."""
        return [self._columns.get(key) for key in _keys(labels)]

    @property
    def labels(self) -> LabelSpace:
        """All learned classes as they came, in the order of their columns."""
        return LabelSpace(tuple(name for name, _ in self._columns), tuple(self._templates))

    def state_dict(self) -> dict[str, Any]:
        return {
            "names": [name for name, _ in self._columns],
            "templates": [list(templates) for templates in self._templates],
            "shared": [name for name, templates in self._columns if not templates],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._templates = [tuple(templates) for templates in state["templates"]]
        labels = LabelSpace(
            tuple(state["names"]), tuple(self._templates), shared=frozenset(state.get("shared", ()))
        )
        self._columns = {key: column for column, key in enumerate(_keys(labels))}


def _keys(labels: LabelSpace) -> list[_Key]:
    """Name and templates; of a shared class the name alone."""
    return [
        (name, () if name in labels.shared else templates)
        for name, templates in zip(labels.classes, labels.templates, strict=True)
    ]
