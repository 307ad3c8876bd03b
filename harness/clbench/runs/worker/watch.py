"""See what a method opens that it was not given.

One process cannot prevent that; an audit hook (PEP 578), which no Python code can take away again, sees it.
What libraries open past Python, the hook does not see, and a method that looks for the hook's own state can
blind it: docs/trust.md says what follows.
"""

from __future__ import annotations

import hashlib
import os
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

__all__ = ["NETWORK", "PROCESSES", "PROGRAMS", "TEST_DATA", "Grounds", "Watch", "given", "path_digest"]

TEST_DATA = "test images"
NETWORK = "the network"
PROGRAMS = "other programs"
PROCESSES = "other processes"

_OPENING = {  # with the places of paths among an event's arguments
    **dict.fromkeys(("open", "os.listdir", "os.scandir", "os.remove", "os.rmdir", "os.truncate"), (0,)),
    **dict.fromkeys(("os.rename", "os.link", "os.symlink"), (0, 1)),
}
_CONNECTING = ("socket.connect", "socket.getaddrinfo", "socket.sendto")
_STARTING = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system", "os.fork", "os.forkpty")
_CODE = (".py", ".pyc", ".so", ".pyd", ".pth", ".dll", ".dylib")

_state = threading.local()


@contextmanager
def given() -> Iterator[None]:
    """What is opened inside, in this thread, the harness opens for the method."""
    before = getattr(_state, "given", 0)
    _state.given = before + 1
    try:
        yield
    finally:
        _state.given = before


@dataclass(frozen=True)
class Grounds:
    """What lies where, for telling what a method has touched.

    Attributes:
        own: folders in which a run may do as it likes.
        tests: digests of the paths of files with test images and of their folders (see :func:`path_digest`),
            which no method is given, whoever opens or lists them. The paths themselves often have the class's
            name in them.
        pixels: the folder of decoded images, and what names of files with test images begin with there.
        closed: folders of which the same is true, with what they hold.
        foreign: folders whose files are given by the harness alone, with what they hold.
    """

    own: tuple[str, ...] = ()
    tests: frozenset[bytes] = frozenset()
    pixels: tuple[str, frozenset[str]] = ("", frozenset())
    closed: Mapping[str, str] = field(default_factory=dict)
    foreign: Mapping[str, str] = field(default_factory=dict)

    def kind(self, path: str, *, is_given: bool) -> str:
        """What a method touches by opening ``path``; empty for what it may."""
        home, _, name = path.rpartition(os.sep)
        folder, beginnings = self.pixels
        if path_digest(path) in self.tests or (home == folder and name.split("-")[0] in beginnings):
            return TEST_DATA
        if any(_within(path, folder) for folder in self.own):
            return ""
        found = _nearest(path, self.closed)
        if found or is_given or path.endswith(_CODE):
            return found
        return _nearest(path, self.foreign)


def path_digest(path: str) -> bytes:
    """Eight bytes that identify a real path."""
    return hashlib.blake2b(os.fsencode(path), digest_size=8).digest()


class Watch:
    """The hook of this process; it sees nothing before :meth:`begin`.

    Args:
        grounds: what lies where.
        touched: told (what, which) once for each pair of kind and path.
        most: of one kind, how many paths are told.
    """

    def __init__(self, grounds: Grounds, touched: Callable[[str, str], None], most: int = 20) -> None:
        self._grounds = grounds
        self._touched = touched
        self._most = most
        self._told: dict[str, set[str]] = {}
        self._active = False

    def begin(self) -> None:
        """Install the hook; it stays until the process ends."""
        self._active = True
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._active or getattr(_state, "inside", False):
            return
        if event not in _OPENING and event not in _CONNECTING and event not in _STARTING:
            return
        _state.inside = True
        try:
            self._see(event, arguments)
        except Exception:
            pass
        finally:
            _state.inside = False

    def _see(self, event: str, arguments: tuple[Any, ...]) -> None:
        is_given = bool(getattr(_state, "given", 0))
        if event in _CONNECTING:
            if not is_given:
                self._tell(NETWORK, str(arguments[-1] if event != "socket.getaddrinfo" else arguments[0]))
            return
        if event in _STARTING:
            if not is_given:
                self._tell(PROGRAMS, str(arguments[0]) if arguments else event)
            return
        for place in _OPENING[event]:
            self._see_path(arguments[place], is_given=is_given or _by_the_harness())

    def _see_path(self, path: Any, *, is_given: bool) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return  # a file descriptor, of something that was opened before
        text = os.path.realpath(os.fsdecode(path))
        if _other_process(text) and not is_given:
            self._tell(PROCESSES, text)
            return
        kind = self._grounds.kind(text, is_given=is_given)
        if kind:
            self._tell(kind, text)

    def _tell(self, what: str, which: str) -> None:
        told = self._told.setdefault(what, set())
        if which not in told and len(told) < self._most:
            told.add(which)
            self._touched(what, which)


def _by_the_harness() -> bool:
    """Whether the harness opens it, not a method or a library that a method calls."""
    frame = sys._getframe(3)
    while frame is not None:
        home = _home(frame.f_code.co_filename)
        if home != "library":
            return home == "harness"
        frame = frame.f_back  # type: ignore[assignment]
    return True  # a thread of a library


@lru_cache(maxsize=4096)
def _home(filename: str) -> str:
    """Whose code a file is: the harness's, a library's, or somebody else's, such as a method's."""
    if filename.startswith("<frozen"):
        return "library"
    path = Path(filename)
    if path.is_relative_to(_HARNESS):
        # what is here for methods to derive from is theirs when they call it
        return "harness"
    if any(path.is_relative_to(folder) for folder in _LIBRARIES):
        return "somebody" if path.parts[len(_of(path).parts)].startswith("clbench_") else "library"
    return "somebody"


def _of(path: Path) -> Path:
    return max((f for f in _LIBRARIES if path.is_relative_to(f)), key=lambda folder: len(folder.parts))


_HARNESS = Path(__file__).parents[2]
_LIBRARIES = tuple(
    dict.fromkeys(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
)


def _other_process(path: str) -> bool:
    """Whether it is what the system tells of another process, such as its memory."""
    parts = path.split("/", 3)
    return len(parts) == 4 and parts[1] == "proc" and parts[2].isdecimal() and int(parts[2]) != os.getpid()


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _nearest(path: str, folders: Mapping[str, str]) -> str:
    homes = [folder for folder in folders if _within(path, folder)]
    return folders[max(homes, key=len)] if homes else ""
