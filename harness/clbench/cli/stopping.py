"""A person, a scheduler or a closed terminal ends a command: one word, an exit status, nothing lost."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import click

__all__ = ["StopSignal", "say_stopped", "stopping_signals"]

_LIKE_CTRL_C = ("SIGTERM", "SIGHUP")  # schedulers and ``kill`` send the first, closed terminals the second


class StopSignal(KeyboardInterrupt):
    """A signal that asks the command to end; handled as Ctrl-C is."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextmanager
def stopping_signals() -> Iterator[None]:
    """Within the block such signals raise :class:`StopSignal`, unless they are ignored (``nohup``)."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in [getattr(signal, name) for name in _LIKE_CTRL_C if hasattr(signal, name)]:
            if signal.getsignal(number) is signal.SIG_DFL:
                before[number] = signal.signal(number, _stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def say_stopped(interrupt: KeyboardInterrupt) -> int:
    """Say so, and how it can go on; return the exit status, 128 and the signal's number as in shells."""
    with suppress(OSError, ValueError):  # the terminal may be gone
        click.secho(
            "stopped; the same command again goes on where the runs were: finished tasks are kept, and a "
            "task in its middle as far as its last checkpoint (--checkpoint-steps)",
            fg="yellow",
            err=True,
        )
    return 128 + (interrupt.number if isinstance(interrupt, StopSignal) else signal.SIGINT)


def _stop(number: int, _frame: FrameType | None) -> None:
    raise StopSignal(number)
