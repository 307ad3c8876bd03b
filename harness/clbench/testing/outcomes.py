"""Named laws, and what became of each: passed, failed, skipped or failed as expected. No torch here."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from clbench.errors import ClbenchError, UnknownNameError

__all__ = ["Broken", "ConformanceError", "Examination", "Law", "LawResult", "NotApplicable", "law"]

S = TypeVar("S")
Status = Literal["passed", "failed", "skipped", "expected failure"]


class Broken(Exception):  # noqa: N818 (a verdict, not an error of the program)
    """Raised inside a law: what is broken, and how it shows."""


class NotApplicable(Exception):  # noqa: N818
    """Raised inside a law: why it does not apply here."""


@dataclass(frozen=True)
class Law(Generic[S]):
    """A checkable statement about a plugin or a method.

    Attributes:
        name: what a report and an expected failure call it.
        statement: the law in words.
        check: raises :class:`Broken` or :class:`NotApplicable`; anything else raised breaks the law too.
        needs: laws without which this one says nothing; where one of them is broken this one is skipped,
            so that one mistake is reported once.
    """

    name: str
    statement: str
    check: Callable[[S], None]
    needs: tuple[str, ...] = ()


def law(*needs: Law[Any]) -> Callable[[Callable[[S], None]], Law[S]]:
    """Make a law of a function; its docstring states it. ``needs`` as in :class:`Law`."""

    def decorate(function: Callable[[S], None]) -> Law[S]:
        statement = " ".join((function.__doc__ or "").split())
        return Law(function.__name__, statement, function, tuple(need.name for need in needs))

    return decorate


@dataclass(frozen=True, kw_only=True)
class LawResult:
    """What became of a law.

    Attributes:
        law, statement: as in :class:`Law`.
        subject: the method or plugin that was checked.
        status: ``expected failure`` is one that the caller announced with a reason.
        reason: why it is not ``passed``.
        traceback: where an unforeseen exception arose.
    """

    law: str
    statement: str
    subject: str
    status: Status
    reason: str = ""
    traceback: str = ""

    def __str__(self) -> str:
        return f"{self.law}: {self.status}{': ' + self.reason if self.reason else ''}"


class ConformanceError(ClbenchError):
    """Laws are broken; ``results`` has those of all laws."""

    def __init__(self, results: Sequence[LawResult]) -> None:
        self.results = tuple(results)
        broken = [result for result in results if result.status == "failed"]
        subject = broken[0].subject if broken else ""
        laws = "law" if len(broken) == 1 else "laws"
        lines = [f"\n  - {result.law}: {result.statement}\n      {result.reason}" for result in broken]
        super().__init__(f"{subject} breaks {len(broken)} {laws} of {len(results)}{''.join(lines)}")

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.results,))


class Examination(Generic[S]):
    """Laws applied to one subject; each is checked once, when its result is first asked for.

    Args:
        subject: what the laws are about.
        title: its name in results.
        laws: in an order in which needs come first.
        expected_failures: law → reason; such a law must fail, or it is reported as failed: the mark is
            out of date.
        around: a context manager entered for each check.

    Raises:
        UnknownNameError: an expected failure names no law.
    """

    def __init__(
        self,
        subject: S,
        title: str,
        laws: Iterable[Law[S]],
        *,
        expected_failures: Mapping[str, str] | None = None,
        around: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        self._subject = subject
        self._title = title
        self._laws = {one.name: one for one in laws}
        self._expected = dict(expected_failures or {})
        self._around = around
        self._results: dict[str, LawResult] = {}
        for name in self._expected:
            if name not in self._laws:
                raise UnknownNameError("law", name, self._laws)

    def results(self) -> list[LawResult]:
        """Results of all laws."""
        return [self.result(name) for name in self._laws]

    def result(self, name: str) -> LawResult:
        """The result of one law."""
        if name not in self._results:
            self._results[name] = self._examine(self._laws[name])
        return self._results[name]

    def _examine(self, one: Law[S]) -> LawResult:
        for need in one.needs:
            result = self.result(need)
            if result.status in ("failed", "expected failure"):
                return self._make(one, "skipped", f"says nothing while {need} is broken")
            if result.status == "skipped":
                return self._make(one, "skipped", result.reason)
        try:
            with self._around():
                one.check(self._subject)
        except NotApplicable as reason:
            return self._make(one, "skipped", str(reason))
        except Broken as reason:
            return self._failed(one, str(reason))
        # SystemExit: a method that calls sys.exit() must not end the test session.
        except (Exception, SystemExit) as error:
            text = " ".join(str(error).split())
            return self._failed(one, f"raised {type(error).__name__}: {text}", traceback.format_exc())
        if one.name in self._expected:
            return self._make(
                one, "failed", f"it holds, though it is expected to fail: {self._expected[one.name]}"
            )
        return self._make(one, "passed")

    def _failed(self, one: Law[S], reason: str, where: str = "") -> LawResult:
        if one.name in self._expected:
            return self._make(one, "expected failure", self._expected[one.name], where)
        return self._make(one, "failed", reason, where)

    def _make(self, one: Law[S], status: Status, reason: str = "", where: str = "") -> LawResult:
        return LawResult(
            law=one.name,
            statement=one.statement,
            subject=self._title,
            status=status,
            reason=reason,
            traceback=where,
        )
