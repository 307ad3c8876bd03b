"""The beginning of a worker's process: its environment, its output, the hook, then its service."""

from __future__ import annotations

import ctypes
import faulthandler
import multiprocessing
import os
import signal
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from clbench.runs.worker.serving import serve
from clbench.runs.worker.surroundings import Assignment, Surroundings
from clbench.runs.worker.watch import Watch

__all__ = ["work"]

_PR_SET_PDEATHSIG = 1


def work(connection: Connection, assignment: Assignment, surroundings: Surroundings) -> None:
    """Serve a run; the target of its process."""
    _die_with_parent()
    with suppress(OSError, AttributeError):
        os.setpgid(0, 0)  # what it starts ends with it, see clbench.runs.supervisor.starting.end
    # Of processes that the method starts: as in any program, not as this one was started.
    multiprocessing.set_start_method(None, force=True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's, which ends this process
    log = _log_output(assignment.log)
    faulthandler.enable(log)
    if hasattr(signal, "SIGUSR1"):
        faulthandler.register(signal.SIGUSR1, log, all_threads=True)
    os.environ.clear()
    os.environ.update(surroundings.environment)
    with suppress(OSError):
        os.chdir(surroundings.folder)

    from clbench.plugins import get_registry
    from clbench.runs.messages import Touched, send_reply

    def touched(what: str, which: str) -> None:
        with suppress(OSError):
            send_reply(connection, Touched(what, which))

    watch = Watch(surroundings.grounds, touched)
    serve(connection, assignment, get_registry(surroundings.origin.disabled, surroundings.origin.files), watch.begin)
    with suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    # What a method has left running (threads, exit handlers) has no say in how the process ends.
    os._exit(0)


def _log_output(path: Path) -> int:
    """Send what is printed, by any library, to a file; return a descriptor that stays open."""
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for stream in (1, 2):
        os.dup2(log, stream)
    sys.stdout = os.fdopen(1, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
    return log


def _die_with_parent() -> None:
    """On Linux: be killed when the fork server ends, which ends when the supervisor does, however it dies."""
    if sys.platform.startswith("linux"):
        server = os.getppid()
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != server:
            os._exit(1)  # it has ended meanwhile
