"""One family of errors. Each says what went wrong, why, and the command or edit that mends it."""

from __future__ import annotations

import difflib
import errno
import os
from collections.abc import Iterable, Sequence

__all__ = [
    "ClbenchError",
    "ConfigError",
    "DataError",
    "MethodError",
    "NotFiniteError",
    "PluginError",
    "PublishError",
    "RecordError",
    "SubmissionError",
    "UnknownNameError",
    "did_you_mean",
    "refused",
]


class ClbenchError(Exception):
    """An error a person can act on.

    Args:
        what: one sentence: what could not be done.
        why: the cause, as far as it is known.
        fix: the command or the edit that mends it.
    """

    def __init__(self, what: str, *, why: str = "", fix: str = "") -> None:
        self.what = what
        self.why = why
        self.fix = fix
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = [self.what]
        if self.why:
            lines.append(f"  why: {self.why}")
        if self.fix:
            lines.append(f"  fix: {self.fix}")
        return "\n".join(lines)

    @property
    def line(self) -> str:
        """The same on one line, for the notes of a table and the items of a list."""
        why = f" ({' '.join(self.why.split())})" if self.why else ""
        return f"{self.what}{why}" + (f"; to mend it: {self.fix}" if self.fix else "")

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders (launchers); the default would drop the keyword-only parts.
        return (_rebuild, (type(self), self.what, self.why, self.fix))


def _rebuild(kind: type[ClbenchError], what: str, why: str, fix: str) -> ClbenchError:
    error = kind.__new__(kind)
    ClbenchError.__init__(error, what, why=why, fix=fix)
    return error


class ConfigError(ClbenchError):
    """The command line, a configuration file or a method's settings are wrong.

    All mistakes of one configuration are collected in ``problems`` and printed together.
    """

    def __init__(
        self,
        what: str = "the configuration has mistakes",
        *,
        why: str = "",
        fix: str = "",
        problems: Sequence[ClbenchError | str] = (),
    ) -> None:
        self.problems = tuple(problems)
        super().__init__(what, why=why, fix=fix)

    def __str__(self) -> str:
        text = super().__str__()
        for problem in self.problems:
            first, *rest = str(problem).splitlines()
            text += f"\n- {first}" + "".join(f"\n  {line}" for line in rest)
        return text

    @property
    def line(self) -> str:
        """The same on one line, its problems behind it."""
        each = (p.line if isinstance(p, ClbenchError) else " ".join(p.split()) for p in self.problems)
        return ": ".join(filter(None, (super().line, "; ".join(each))))


class UnknownNameError(ConfigError):
    """A name (of a method, stream, setting, …) that nothing provides."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, fix: str = "") -> None:
        self.kind = kind
        self.name = name
        self.known = tuple(sorted(known))
        near = did_you_mean(name, self.known)
        why = f"known: {', '.join(self.known)}" if self.known else f"no {kind} is installed"
        if near:
            why = f"did you mean {' or '.join(repr(n) for n in near)}? " + why
        super().__init__(f"unknown {kind} {name!r}", why=why, fix=fix)


class PluginError(ClbenchError):
    """A plugin distribution cannot be loaded or breaks the contract."""


class DataError(ClbenchError):
    """Data are missing, corrupt, or not what the stream declares."""


class MethodError(ClbenchError):
    """A method broke its contract (wrong shape of scores, unknown state, …)."""


class NotFiniteError(MethodError):
    """A loss became NaN or infinite; ``step`` is the 0-based step, if it happened in training."""

    step: int | None = None


class RecordError(ClbenchError):
    """A record cannot be read, is of an unknown schema version, or contradicts itself."""


class SubmissionError(ClbenchError):
    """A submission cannot be packed, read or admitted."""


class PublishError(ClbenchError):
    """Something cannot be published to a target: no access, no such place, no network."""


def refused(error: OSError) -> ClbenchError:
    """What the operating system refuses, with the file and a remedy that fits the cause."""
    files = " → ".join(os.fsdecode(each) for each in (error.filename, error.filename2) if _is_name(each))
    why = error.strerror or str(error) or type(error).__name__
    if error.errno == errno.EEXIST and _is_name(error.filename) and not os.path.isdir(error.filename):  # noqa: PTH112
        why = "it is there, and is no folder"
    return ClbenchError(
        f"{files or 'a file'} cannot be read or written",
        why=why,
        fix=_REMEDIES.get(error.errno or 0, "look at that path"),
    )


def _is_name(name: object) -> bool:
    return isinstance(name, (str, bytes, os.PathLike))


_PLACES = "name another place, or make this one yours to write"
_REMEDIES = {
    errno.EACCES: _PLACES,
    errno.EPERM: _PLACES,
    errno.EROFS: _PLACES,
    errno.ENOTDIR: "name a path on which every part but the last is a folder",
    errno.EISDIR: "name a file, not a folder",
    errno.EEXIST: "name another place, or move away what is there",
    errno.ENOENT: "look whether the path is written right",
    errno.ENAMETOOLONG: "choose shorter names",
    errno.ELOOP: "mend the symbolic links, which lead to one another",
    errno.ENOSPC: "free disk space; then run the command again",
    errno.EDQUOT: "free disk space; then run the command again",
    errno.EFBIG: "free disk space; then run the command again",
    errno.EMFILE: "allow more open files: ulimit -n 4096",
    errno.ENFILE: "allow more open files: ulimit -n 4096",
    errno.ENOMEM: "free memory; then run the command again",
}


def did_you_mean(name: str, known: Iterable[str], *, most: int = 3) -> list[str]:
    """Return up to ``most`` known names close to ``name``, nearest first."""
    return difflib.get_close_matches(name, list(known), n=most, cutoff=0.55)
