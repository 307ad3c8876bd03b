"""The line to a worker: whatever the other end does with it, neither speaking nor listening ever blocks."""

from __future__ import annotations

import os
import queue
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler

from clbench.errors import MethodError
from clbench.runs.messages import Order, Reply, receive_reply

__all__ = ["Line"]

_MOST_UNREAD = 64  # messages; a worker that says more waits
_SMALL = 4096  # bytes that always have room in the line, so few are sent before an answer is due
_EVERY = 0.25  # seconds between two looks at whether to give up


class Line:
    """Our end of a connection.

    A message that stops half-way would block whoever reads it, and one that nobody takes whoever sends it:
    a thread of its own does the reading, and another one sends what is large.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._heard: queue.Queue[Reply | Exception] = queue.Queue(_MOST_UNREAD)
        self._closed = threading.Event()
        threading.Thread(target=self._listen, name="listens to a worker", daemon=True).start()

    def send(self, order: Order, look: Callable[[], None]) -> None:
        """Send an order; ``look`` is called now and then meanwhile, and may raise.

        Raises:
            OSError: the worker is gone.
        """
        content = ForkingPickler.dumps(order)
        if len(content) <= _SMALL:
            self._connection.send_bytes(content)
            return
        errors: list[Exception] = []

        def give() -> None:
            try:
                self._connection.send_bytes(content)
            except (OSError, ValueError) as error:
                errors.append(error)

        thread = threading.Thread(target=give, name="tells a worker", daemon=True)
        thread.start()
        while thread.is_alive():
            thread.join(_EVERY)
            if thread.is_alive():
                look()
        if errors:
            raise OSError("the worker is gone") from errors[0]

    def hear(self, timeout: float) -> Reply | None:
        """The next reply, or ``None`` if there is none in ``timeout`` seconds.

        Raises:
            EOFError: the worker has closed its end.
            MethodError: what was said is nothing that the harness says.
        """
        try:
            heard = self._heard.get(timeout=timeout)
        except queue.Empty:
            return None
        if isinstance(heard, Exception):
            raise heard
        return heard

    def close(self) -> None:
        """Hang up; what was not heard yet is lost."""
        self._closed.set()
        with suppress(OSError, ValueError):
            _shut(self._connection)  # wakes whoever reads or sends
        with suppress(OSError):
            self._connection.close()

    def _listen(self) -> None:
        last = False
        while not last:
            heard: Reply | Exception
            try:
                heard = receive_reply(self._connection)
            except MethodError as error:
                heard, last = error, True
            except Exception:  # closed at either end, by whatever the system calls it
                heard, last = EOFError(), True
            while not self._closed.is_set():
                with suppress(queue.Full):
                    self._heard.put(heard, timeout=_EVERY)
                    break
            last = last or self._closed.is_set()


def _shut(connection: Connection) -> None:
    if os.name == "posix":
        with socket.socket(fileno=os.dup(connection.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)
