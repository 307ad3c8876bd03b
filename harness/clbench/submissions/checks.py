"""What a check of a submission comes to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from clbench.errors import ClbenchError
from clbench.printing import SENTENCE, one_line

__all__ = ["Check", "Outcome", "concluded", "failed", "not_here", "passed", "unchecked"]

Outcome = Literal["passed", "failed", "not checkable"]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Sentence and details are made fit to print, each a line of bounded length.

    Attributes:
        name: short, the same from version to version.
        outcome: ``not checkable`` where something that is needed for it is not here; then it says nothing.
        sentence: what was found, or what is missing.
        details: where it failed, one line each.
    """

    name: str
    outcome: Outcome
    sentence: str
    details: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # Both quote what a stranger wrote.
        object.__setattr__(self, "sentence", one_line(self.sentence, SENTENCE))
        object.__setattr__(self, "details", tuple(one_line(line, SENTENCE) for line in self.details))


def passed(name: str, sentence: str) -> Check:
    """A check that found nothing wrong."""
    return Check(name, "passed", sentence)


def failed(name: str, sentence: str, details: Iterable[str] = ()) -> Check:
    """A check that found something wrong."""
    return Check(name, "failed", sentence, tuple(details))


def unchecked(name: str, sentence: str) -> Check:
    """A check that could not be made here."""
    return Check(name, "not checkable", sentence)


def concluded(name: str, good: str, bad: str, problems: Iterable[str]) -> Check:
    """Passed with the sentence ``good`` where there are no problems, else failed with ``bad``."""
    found = tuple(problems)
    return failed(name, bad, found) if found else passed(name, good)


def not_here(what: str, error: Exception) -> str:
    """What cannot be looked at, why, and what would help, in one line."""
    why = error.what if isinstance(error, ClbenchError) else str(error)
    fix = f"; {error.fix}" if isinstance(error, ClbenchError) and error.fix else ""
    return f"{what} cannot be looked at here: {' '.join(why.split())}{fix}"
