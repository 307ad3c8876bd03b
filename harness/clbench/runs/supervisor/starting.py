"""Start the process of a worker from a server that has imported torch once."""

from __future__ import annotations

import atexit
import multiprocessing
import multiprocessing.forkserver
import multiprocessing.process
import os
import signal
import sys
import threading
import types
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from clbench.temporary import temporary_folder

__all__ = ["begin_server", "end", "ended", "start"]

_LONGEST_DYING = 10.0  # seconds until a killed process is gone
_starting = threading.Lock()
_folders = ExitStack()
atexit.register(_folders.close)


def begin_server() -> None:
    """Begin to load torch in the server's process, and return at once.

    Where processes cannot be forked, each worker loads it by itself.
    """
    if _method() == "forkserver":
        with _starting, _no_main_module():
            multiprocessing.get_context("forkserver").set_forkserver_preload(
                ["clbench.runs.worker.server", "clbench.runs.worker.imported"]
            )
            _own_folder()
            multiprocessing.forkserver.ensure_running()


def start(target: str, *arguments: object) -> tuple[BaseProcess, Connection]:
    """Start a process that calls ``target`` with a connection and ``arguments``; return our end of it, too.

    Args:
        target: ``"module:function"``, imported in the process.
    """
    begin_server()
    context: Any = multiprocessing.get_context(_method())
    ours, theirs = context.Pipe()
    with _starting, _no_main_module():
        process = context.Process(target=_call, args=(target, theirs, arguments), name="clbench worker")
        process.start()
    theirs.close()  # so that the pipe ends when the process does
    return process, ours


def ended(process: BaseProcess, timeout: float = 0.0) -> bool:
    """Whether the process has ended, or ends within ``timeout`` seconds.

    Several threads may not look at one process at once, which starting another one does: the exit code can
    be read but once.
    """
    wait([process.sentinel], timeout)
    with _starting:
        return process.exitcode is not None


def end(process: BaseProcess) -> None:
    """End the process, and what it has started and not set apart, at once."""
    assert process.pid is not None
    if hasattr(os, "killpg"):
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)  # what it left behind, too, when it has ended itself
    if not ended(process):
        with suppress(OSError):
            process.kill()
        ended(process, _LONGEST_DYING)


def _call(target: str, connection: Connection, arguments: tuple[object, ...]) -> None:
    from clbench.specs import load_reference

    load_reference(target)(connection, *arguments)


def _own_folder() -> None:
    """Let multiprocessing keep its sockets in a folder that is found when this process is killed."""
    configuration = multiprocessing.process.current_process()._config  # type: ignore[attr-defined]
    if configuration.get("tempdir") is None:
        configuration["tempdir"] = str(_folders.enter_context(temporary_folder("server")))


def _method() -> str:
    return "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"


@contextmanager
def _no_main_module() -> Iterator[None]:
    """Keep multiprocessing from running the caller's script again in the new process.

    It would do that for objects that the script defines; a worker uses none of them, and a notebook or a
    script without a guard would start over.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
