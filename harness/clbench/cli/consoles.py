"""The two streams that commands print to: fit for the console, whatever is printed and whatever it can show.

Texts from outside are made fit where they are printed (:mod:`clbench.printing`). What was forgotten, or is
printed by a plugin's command, is caught here: of escape sequences nothing passes but colours, and a console
that knows other characters than UTF-8's shows the nearest one instead of ending the command. Passwords and
tokens are left out.
"""

from __future__ import annotations

import codecs
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

from clbench.printing import UNFIT, fit
from clbench.privacy import without_secrets

__all__ = ["guarded", "unguarded"]

_NEAREST = "clbench-nearest"
_SIGNS = {
    "✓": "v",
    "✗": "x",
    "●": "*",
    "○": "o",
    "▶": ">",
    "•": "*",
    "·": ".",
    "–": "-",
    "—": "-",
    "−": "-",
    "…": "...",
    "±": "+-",
    "×": "x",
    "→": "->",
    "≥": ">=",
    "≤": "<=",
    "†": "+",
    "‡": "++",
    "’": "'",
    "‘": "'",
    "“": '"',
    "”": '"',
    "\ufffd": "?",
}
# Colours, bold, dim, italic, underlined, and back; neither concealed nor blinking.
_COLOURS = re.compile(
    r"\x1b\[(?:(?:0?[0-4]|7|2[1-4]|27|[349][0-79]|10[0-7]|[34]8;[25](?:;\d{1,3}){1,3})?;?)*m"
)
# Bars of downloads go back to the start of their line, or to the line above.
_BARS = re.compile(r"\r|\x1b\[(?:A|K)")


def _nearest(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    shown = "".join(_SIGNS.get(each) or each.encode("ascii", "backslashreplace").decode() for each in lost)
    return shown, error.end


codecs.register_error(_NEAREST, _nearest)


class _Guard:
    """A stream of text in front of ``stream``."""

    # click opens streams anew that say they know ASCII alone; this one takes any text.
    encoding = "utf-8"
    errors = _NEAREST

    def __init__(self, stream: TextIO, *, bars: bool) -> None:
        self.unguarded = stream
        self._passing = re.compile(f"({_COLOURS.pattern}{f'|{_BARS.pattern}' if bars else ''})")
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            with suppress(ValueError, OSError):
                reconfigure(errors=_NEAREST)

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self.unguarded.write(self._fit(without_secrets(text)))
        return len(text)

    def writelines(self, lines: Iterator[str]) -> None:
        for line in lines:
            self.write(line)

    def _fit(self, text: str) -> str:
        if UNFIT.search(text) is None:
            return text
        parts = self._passing.split(text.replace("\r\n", "\n"))
        return "".join(part if at % 2 else cast("str", fit(part)) for at, part in enumerate(parts))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unguarded, name)


def _check_size() -> None:
    """Drop sizes of the terminal that are none: libraries that draw on it take any digits for a number."""
    for name in ("COLUMNS", "LINES"):
        if name in os.environ and not re.fullmatch("[1-9][0-9]{0,3}", os.environ[name]):
            del os.environ[name]


def unguarded(stream: TextIO) -> TextIO:
    """The stream behind the guard, for what makes its texts fit itself and moves the cursor."""
    return getattr(stream, "unguarded", stream)


@contextmanager
def guarded() -> Iterator[None]:
    """Guard standard output and standard error while a command runs."""
    _check_size()
    before = {name: getattr(sys, name) for name in ("stdout", "stderr")}
    guards = {
        name: _Guard(stream, bars=name == "stderr")
        for name, stream in before.items()
        if stream is not None and not isinstance(stream, _Guard)
    }
    for name, guard in guards.items():
        setattr(sys, name, cast("TextIO", guard))
    try:
        yield
    finally:
        for name, guard in guards.items():
            if getattr(sys, name) is guard:
                setattr(sys, name, before[name])
