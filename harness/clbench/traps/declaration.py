"""What a plugin says of a trap: where it is switched, what either form does, and who says so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Trap", "Where", "mistakes_in"]

Where = Literal["setting", "method", "stream", "fixed"]

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trap:
    """A place where the authors' code and their paper differ, or their code and what is sensible.

    Attributes:
        id: in lower case with hyphens, unique among the traps of its method or stream.
        published: value of the switch that does what the authors' code does.
        intended: value that does what is meant.
        published_says, intended_says: what either does, one plain sentence each.
        source: section or equation of the paper, and the repository's file, with its commit where known.
        where: what the switch is. ``setting``: the setting ``switch`` of the method. ``method``, ``stream``:
            one of two methods or streams is chosen by name. ``fixed``: there is none, and every run is in
            the form that ``published`` or ``intended`` names, the other of which is ``None``.
        switch: name of the setting, where it is one.
        given: settings under which the trap shows, where it does not with the defaults: it is measured, and
            checked, with these in both forms.
        off: by setting, the values with which the part of the method that has the trap does not run.
        idle_on: names of streams on whose data it makes no difference.
        tasks: how many tasks must be learned before it shows.
        unmeasurable: why the two forms cannot be told apart on a small stream; empty: they can.
    """

    id: str
    published: Any
    intended: Any
    published_says: str
    intended_says: str
    source: str
    where: Where = "setting"
    switch: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)
    off: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    idle_on: tuple[str, ...] = ()
    tasks: int = 2
    unmeasurable: str = ""

    @property
    def measurable(self) -> bool:
        """Whether a difference can be measured."""
        return not self.unmeasurable

    @property
    def switched_by(self) -> str:
        """The switch in words."""
        return {"setting": self.switch, "fixed": "–"}.get(self.where, f"the {self.where}")

    def value(self, form: Literal["published", "intended"]) -> Any:
        """The switch's value in one of the two forms."""
        return self.published if form == "published" else self.intended


def mistakes_in(traps: Iterable[object], owner: Literal["method", "stream"]) -> Iterator[str]:
    """Yield what is wrong with declarations, without importing a settings class."""
    seen: set[str] = set()
    for trap in traps:
        if not isinstance(trap, Trap):
            yield f"its traps hold {type(trap).__name__}, not clbench.Trap"
            continue
        name = f"its trap {trap.id!r}"
        if not _ID.fullmatch(trap.id):
            yield f"{name} is not named in lower case with hyphens"
        if trap.id in seen:
            yield f"{name} is declared twice"
        seen.add(trap.id)
        for label in ("published_says", "intended_says", "source"):
            if not getattr(trap, label).strip():
                yield f"{name} has no {label}"
        for label in ("published_says", "intended_says"):
            text = getattr(trap, label).strip()
            if text and not (text[0].isupper() and text.endswith(".")):
                yield f"{name}: {label} is no sentence"
        if (trap.where == "setting") != bool(trap.switch):
            yield f"{name} is switched by a {trap.where}, and its switch is {trap.switch!r}"
        if trap.where == "setting" and owner == "stream":
            yield f"{name} is switched by a setting, which streams have not"
        if trap.published == trap.intended:
            yield f"{name} has one value for both forms"
        if trap.where == "fixed" and None not in (trap.published, trap.intended):
            yield f"{name} has no switch, so one of its two values must be None"
        if trap.where == "fixed" and not trap.unmeasurable:
            yield f"{name} has no switch, and does not say why it cannot be measured"
