"""Give one input to the command, and judge what came of it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from clbench.cli import main
from clbench.errors import ClbenchError
from click.testing import CliRunner

LONGEST = 20
"""Seconds after which a command hangs."""


class HangError(BaseException):
    """Raised by the clock; no handler of errors takes it for one of its own."""


@dataclass
class Case:
    """One input.

    Attributes:
        words: of the command line.
        env: environment variables besides.
        call: a function to call instead of a command; it may raise the errors that are in words.
        wrong: says what is wrong with the output of a command that ended with 0.
        note: what the input is, beside its words.
    """

    words: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    call: Callable[[], object] | None = None
    wrong: Callable[[str], str | None] = lambda output: None
    note: str = ""


@dataclass
class Verdict:
    """What came of an input; ``complaint`` is empty where all is well."""

    input: str
    outcome: str
    complaint: str = ""
    output: str = ""
    seconds: float = 0.0

    def shown(self) -> str:
        head = f"{self.input}\n-> {self.outcome} after {self.seconds:.1f} s"
        return f"{head}\n{self.output[:4000]}\n{self.complaint}"


@contextmanager
def clock(seconds: int) -> Iterator[None]:
    began = time.monotonic()

    def hang(*_: object) -> None:
        # On a machine with more to do than cores, seconds say little: then it has three times as many.
        if os.getloadavg()[0] > (os.cpu_count() or 1) and time.monotonic() - began < 3 * seconds:
            signal.alarm(5)
        else:
            raise HangError

    before = signal.signal(signal.SIGALRM, hang)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def judge(case: Case) -> Verdict:
    """Execute a case where it stands."""
    shown = " ".join(map(repr, case.words)) + "".join(f" {k}={v!r}" for k, v in case.env.items())
    began = time.perf_counter()
    try:
        with clock(LONGEST):
            outcome, output, complaint = (_called if case.call else _commanded)(case)
    except HangError:
        outcome, output, complaint = "hang", "", f"it takes more than {LONGEST} s"
    verdict = Verdict(f"{shown} {case.note}".strip(), outcome, complaint, output)
    verdict.seconds = time.perf_counter() - began
    return verdict


def _called(case: Case) -> tuple[str, str, str]:
    assert case.call is not None
    try:
        return "answered", repr(case.call()), ""
    except ClbenchError as error:
        return "refused", str(error), "" if str(error).strip() else "an error without words"
    except AssertionError as error:
        return "wrong", str(error), f"wrong: {error}"
    except Exception as error:
        return "raised", repr(error)[:2000], f"raises {type(error).__name__}: {str(error)[:200]}"


def _commanded(case: Case) -> tuple[str, str, str]:
    env = {"CLBENCH_DEBUG": None, "COLUMNS": "100", **case.env}
    result = CliRunner(env=env).invoke(main, list(case.words))
    status = result.exit_code
    return (f"exit {status}", result.output, _complaint(case, status, result))


def _complaint(case: Case, status: int, result) -> str:
    output = result.output
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        return f"raises {type(result.exception).__name__}: {str(result.exception)[:200]}"
    if "does not know:" in output:
        return next(line for line in output.splitlines() if "does not know:" in line)[:300]
    if "Traceback (most recent call last)" in output:
        return "a traceback is shown"
    if status not in (0, 1, 2):
        return f"exit status {status}"
    if status and not output.strip():
        return f"exit status {status} without a word"
    if len(output) > 5_000_000:
        return f"{len(output):,} characters are printed"
    if status == 0:
        try:
            return case.wrong(result.stdout) or ""
        except Exception as error:
            return f"what is shown cannot be compared: {type(error).__name__}: {error}"
    return ""


def listing(*roots: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file, to see what was changed."""
    found = {}
    for root in roots:
        for folder, _, files in os.walk(root):
            for name in files:
                path = os.path.join(folder, name)  # noqa: PTH118 (names that are no text)
                with_status = os.lstat(path)
                found[path] = (with_status.st_size, with_status.st_mtime_ns)
    return found
