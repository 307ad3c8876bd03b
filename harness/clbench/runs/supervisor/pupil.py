"""A worker as its supervisor sees it: orders go in, replies come out, and however it ends, that is told."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Protocol, TypeVar

from clbench.errors import ClbenchError
from clbench.runs import messages
from clbench.runs.evaluation import Evaluation
from clbench.runs.exam import Exam, Slots
from clbench.runs.messages import Order, Reply
from clbench.runs.supervisor import starting
from clbench.runs.supervisor.line import Line

__all__ = ["Ended", "Pupil", "StoppedError", "WorkerError"]

R = TypeVar("R", bound=Reply)

_LONGEST_END = 60.0  # seconds for a last look at what is kept
_LONGEST_FAREWELL = 5.0  # seconds between the end of a connection and that of its process
_LOST_SERVER = 255  # what multiprocessing says where it cannot know
_PULSE = 0.25  # seconds between two looks at whether to stop
_MOST_PRINTED = 512 << 20  # bytes in one go
_KEPT_PRINTED = 1 << 20


class StoppedError(Exception):
    """The run was told to stop, by a person."""


@dataclass
class WorkerError(Exception):
    """The worker's work ended before its time.

    Attributes:
        kind: class name of the exception, or how the process ended.
        message: what is known of it.
        traceback: of the exception, or the end of what the process printed.
        step: of an optimisation, if it happened in one.
    """

    kind: str
    message: str
    traceback: str = ""
    step: int | None = None

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}"


class Ended(Protocol):
    """Whether a person wants all runs to stop."""

    def is_set(self) -> bool: ...


class Pupil:
    """One worker.

    Args:
        connection: our end.
        process: its process; ``None`` where it works in a thread of this one.
        log: the file of what it prints.
        progress: told of :class:`clbench.runs.messages.Progressed`.
        touched: told (what, which), see :class:`clbench.runs.messages.Touched`.
        stall: seconds of silence after which it is given up; 0: never.
        stop: looked at all the time.
    """

    def __init__(
        self,
        connection: Connection,
        process: BaseProcess | None,
        *,
        log: Path,
        progress: Callable[[str, int, int, float | None], None],
        touched: Callable[[str, str], None],
        stall: float,
        stop: Ended,
    ) -> None:
        self._line = Line(connection)
        self.process = process
        self._log = log
        self._logged_before = log.stat().st_size if log.exists() else 0
        self._progress = progress
        self._touched = touched
        self._stall = stall
        self._stop = stop
        self._killed = False
        self._looked = time.monotonic()  # at the log
        self.doing = "loading"
        self.pulse: Callable[[], None] = lambda: None  # called while nothing is heard

    # -- orders -------------------------------------------------------------------------------------

    def ready(self) -> messages.Ready:
        """Wait until the initial model is loaded."""
        return self._wait_for(messages.Ready)

    def build(self) -> messages.Built:
        """Let it make the method."""
        self.doing = "building the method"
        return self._ask(messages.Build(), messages.Built)

    def restore(self) -> messages.Learned:
        """Let it load the newest checkpoint."""
        self.doing = "restoring the checkpoint"
        return self._plausible(self._ask(messages.Restore(), messages.Learned))

    def learn(self, order: messages.Learn) -> messages.Learned:
        """Let it learn."""
        self.doing = "learning"
        learned = self._plausible(self._ask(order, messages.Learned))
        if learned.learned != order.index + 1:
            raise self._lost(f"it said that it has learned {learned.learned} tasks, of {order.index + 1}")
        return learned

    def test(
        self, exam: Exam, progress: Callable[[int, int], None], *, initial: bool = False
    ) -> tuple[Evaluation, messages.Answered]:
        """Let it answer a test; return the marked answers, and what the test took."""
        self.doing = "testing"
        with Slots(exam.shape) as slots:
            self._send(exam.opening(slots, initial=initial))
            given = done = 0
            sizes: dict[int, list[int]] = {slot: [] for slot in range(slots.count)}

            def give(slot: int) -> None:
                nonlocal given
                if given < len(exam):
                    batch = exam.fill(given, slots, slot)
                    sizes[slot].append(batch.images)
                    self._send(batch)
                    given += 1

            for slot in range(slots.count):
                give(slot)
            for _ in range(len(exam)):
                taken = self._wait_for(messages.Taken, exam)
                if not sizes.get(taken.slot):
                    raise self._lost("it answered batches that it was not given")
                done += sizes[taken.slot].pop(0)
                give(taken.slot)
                progress(done, exam.images)
            answered = self._ask(messages.EndOfTest(), messages.Answered, exam)
        if not (math.isfinite(answered.seconds) and answered.seconds >= 0):
            raise self._lost("what it said of seconds cannot be")
        return exam.mark(answered.best, answered.logit), answered

    def stop(self, *, finished: bool) -> None:
        """Let it end; whatever it does, it has ended afterwards. ``finished``: the run is at its end."""
        with suppress(OSError, ValueError):
            self._line.send(messages.Stop(finished), lambda: None)
        if self.process is not None:
            until = time.monotonic() + _LONGEST_END
            while not starting.ended(self.process, _PULSE) and time.monotonic() < until:
                self._look()
        self.kill()

    def kill(self) -> None:
        """End it at once, with the processes that it has started."""
        if self.process is not None and not self._killed:
            self._killed = True
            starting.end(self.process)
        self._line.close()

    # -- replies ------------------------------------------------------------------------------------

    def _ask(self, order: Order, expected: type[R], exam: Exam | None = None) -> R:
        self._send(order)
        return self._wait_for(expected, exam)

    def _plausible(self, learned: messages.Learned) -> messages.Learned:
        entries = (len(learned.learn_seconds), len(learned.stored_parameters))
        times = all(math.isfinite(each) and each >= 0 for each in learned.learn_seconds)
        if entries != (learned.learned, learned.learned) or not (
            times and 0 <= learned.rows <= learned.learned
        ):
            raise self._lost("what it said of tasks, rows and seconds does not fit together")
        return learned

    def _send(self, order: Order) -> None:
        begun = time.monotonic()

        def look() -> None:
            self._look()
            if self._stall and time.monotonic() - begun > self._stall:
                raise self._silent(time.monotonic() - begun)

        try:
            self._line.send(order, look)
        except OSError:
            # Why it is gone, what it has said before tells, or the way in which its process ended.
            self._wait_for(messages.Failed)
            raise self._lost("it takes no orders any more") from None

    def _wait_for(self, expected: type[R], exam: Exam | None = None) -> R:
        heard = time.monotonic()
        while True:
            reply = self._receive()
            now = time.monotonic()
            if reply is None:
                if self._stall and now - heard > self._stall:
                    raise self._silent(now - heard)
                continue
            heard = now
            match reply:
                case messages.Progressed(phase, done, total, loss):
                    self._progress(phase, done, total, loss)
                case messages.Touched(what, which):
                    self._touched(what, which)
                case messages.Failed():
                    raise self._failed(reply, exam)
                case _ if isinstance(reply, expected):
                    return reply
                case _:
                    raise self._lost(f"it said {type(reply).__name__} where {expected.__name__} was due")

    def _look(self) -> None:
        if self._stop.is_set():
            raise StoppedError
        now = time.monotonic()
        if self.process is not None and now - self._looked >= 1.0:
            self._looked = now
            with suppress(OSError):
                if self._log.stat().st_size - self._logged_before > _MOST_PRINTED:
                    raise self._flooded()

    def _receive(self) -> Reply | None:
        """The next thing that it says; ``None`` if it says nothing for a moment."""
        self._look()
        try:
            reply = self._line.hear(_PULSE)
        except ClbenchError as error:
            raise self._lost(str(error)) from error
        except EOFError:
            if self.process is None:
                raise StoppedError from None  # its thread was interrupted
            if not starting.ended(self.process, _LONGEST_FAREWELL):
                raise self._lost("it has closed the connection") from None
            raise self._died() from None
        if reply is None:
            self.pulse()
            # What it has started may hold the connection open when it has ended itself.
            if self.process is not None and starting.ended(self.process):
                with suppress(EOFError, ClbenchError):
                    reply = self._line.hear(0.0)
                if reply is None:
                    raise self._died()
        return reply

    # -- ends ---------------------------------------------------------------------------------------

    def _failed(self, reply: messages.Failed, exam: Exam | None) -> WorkerError:
        message = reply.message
        if exam is not None and reply.batch is not None and 0 <= reply.batch < len(exam):
            first, *rest = message.split("\n", 1)
            message = "\n".join([f"{first} (of {exam.tested(reply.batch)})", *rest])
        return WorkerError(reply.kind, message, reply.traceback, reply.step)

    def _lost(self, why: str) -> WorkerError:
        self.kill()
        what = f"the method's process cannot be understood: {why}"
        return WorkerError("WorkerError", what, self._printed())

    def _silent(self, seconds: float) -> WorkerError:
        if self.process is not None and self.process.pid is not None and hasattr(signal, "SIGUSR1"):
            with suppress(OSError):
                os.kill(self.process.pid, signal.SIGUSR1)  # it writes where each thread is
            time.sleep(0.5)
        self.kill()
        return WorkerError(
            "Stalled",
            f"the method's process said nothing for {seconds:.0f} s while {self.doing}, and was ended\n"
            "  fix: let it tell its progress (context.report), or raise --stall-timeout",
            self._printed(),
        )

    def _flooded(self) -> WorkerError:
        self.kill()
        printed = self._printed()
        with suppress(OSError):
            os.truncate(self._log, self._logged_before + _KEPT_PRINTED)
        return WorkerError(
            "PrintedTooMuch",
            f"the method's process printed more than {_MOST_PRINTED >> 20} MB while {self.doing}, and was "
            f"ended before it filled the disk; see {self._log.name}",
            printed,
        )

    def _died(self) -> WorkerError:
        assert self.process is not None
        code = self.process.exitcode
        self.kill()
        if code is not None and code < 0:
            return WorkerError(_signal_name(-code), _signal_words(-code, self.doing), self._printed())
        else_ = ", or the server that starts processes was ended" if code == _LOST_SERVER else ""
        return WorkerError(
            "ProcessExit",
            f"the method's process ended by itself while {self.doing}, with exit code {code}: "
            f"os._exit({code}){else_}",
            self._printed(),
        )

    def _printed(self) -> str:
        """The end of what the process printed."""
        try:
            with self._log.open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(self._logged_before, file.tell() - 8_000))
                return file.read().decode("utf-8", "backslashreplace")
        except OSError:
            return ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _signal_words(number: int, doing: str) -> str:
    name = _signal_name(number)
    if name == "SIGKILL":
        return f"the method's process was killed while {doing}: the memory was full, or somebody ended it"
    if name in ("SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT"):
        return f"the method's process crashed ({name}) while {doing}, in code that is not Python's"
    return f"the method's process was ended by {name} while {doing}"
