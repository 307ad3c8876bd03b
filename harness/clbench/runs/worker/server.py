"""What the fork server does besides forking: it does not outlive the command, nor does anything it started.

Imported by the fork server alone, before all that takes long to load.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import sys
import threading
import warnings
from contextlib import suppress
from multiprocessing import forkserver

__all__ = ["loaded"]

_PR_SET_CHILD_SUBREAPER = 36
_EVERY = 0.2  # seconds
_loaded = threading.Event()


def loaded() -> None:
    """All is loaded: from now on the server itself sees when the command ends.

    There must be no other thread when a process is forked.
    """
    _loaded.set()
    for thread in threading.enumerate():
        if thread.name == _WATCHING:
            thread.join()


def _begin() -> None:
    server, command = os.getpid(), os.getppid()
    with suppress(OSError, AttributeError):
        # What a terminal sends to all (Ctrl-C, its own end) is the command's to hear, which ends this process.
        os.setpgid(0, 0)

    def end_descendants() -> None:
        if os.getpid() != server:
            return  # a process that was forked here, and that ends as a program does
        import psutil

        for each in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                each.kill()
        # Nothing is left to be done: taking apart all that was imported lasts a second, and whoever reads the
        # command's output through a pipe, which this process has inherited, would wait for it.
        os._exit(0)

    def watch() -> None:
        while not _loaded.wait(_EVERY):
            if os.getppid() != command:
                os._exit(0)  # there are no workers yet

    atexit.register(end_descendants)
    threading.Thread(target=watch, name=_WATCHING, daemon=True).start()
    if sys.platform.startswith("linux"):
        # What a method's process leaves behind becomes a child of this one, and is ended with the rest.
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
        warnings.filterwarnings("ignore", message="forkserver: waitpid returned unexpected pid")


_WATCHING = "clbench watching the command"

if getattr(sys.modules["__main__"], "main", None) is forkserver.main:
    _begin()
