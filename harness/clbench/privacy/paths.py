"""Absolute paths in texts: what is left of them when a text leaves the machine."""

from __future__ import annotations

import re

__all__ = ["without_paths"]

_PIECE = r"[^\s/\\'\"`<>|:]+"
_SPACED = rf"{_PIECE}(?:[ ]{_PIECE}){{0,2}}"  # folders with blanks in their names
_BODY = rf"(?:{_SPACED}[/\\]+)*(?:{_PIECE})?"
_PATH = re.compile(
    r"""
    (?P<address>\b[A-Za-z][\w+.-]{1,20}://[^\s/'"<>][^\s'"<>]*)
    |(?P<quote>['"`])(?P<quoted>(?:/|~\w|[A-Za-z]:[/\\]|\\\\)[^'"`\n]*)(?P=quote)
    |(?P<windows>(?<![A-Za-z0-9])[A-Za-z]:[/\\]+(?=[^\s/\\])BODY|(?<![\w\\])\\{2,4}PIECE[/\\]+BODY)
    |(?:(?<![\w.~/\\<])|(?<=\s-\w))(?P<what>[A-Za-z][\w+.-]{1,40}:)?(?P<bare>/+(?=[^\s/])BODY|~[A-Za-z][\w.-]*/+BODY)
    """.replace("BODY", _BODY).replace("PIECE", _PIECE),
    re.VERBOSE,
)
# A value that is nothing but a path may have any blanks in it; weights have their architecture in front.
_WHOLE = re.compile(
    r"(?![A-Za-z][\w+.-]*://[^/])(?P<what>(?![A-Za-z]:[/\\])[A-Za-z][\w+.-]{0,80}:)??(?P<path>(?:/|~[A-Za-z]|[A-Za-z]:[/\\]|\\\\)[^\n'\"<>|:]*)"
)
_HOMES = re.compile(
    r"/+(?:root|(?:home|Users)/+[^/\\]+)/*|[A-Za-z]:[/\\]+Users[/\\]+[^/\\]+[/\\]*|~[^/\\]*[/\\]*"
)
_LIBRARY = re.compile(
    r"(?:.*[/\\])?(?:site|dist)-packages[/\\]+(.+)|(?:.*[/\\])?lib(?:64)?[/\\]+(python3\.\d+[/\\]+.+)"
)
_OWN_CODE = re.compile(r".*[/\\](clbench(?:_\w+)?[/\\]+.+\.pyi?)")
_CLOSING = ".,;!?)]}"


def without_paths(text: str) -> str:
    """Return ``text`` with the last name alone of each absolute path, whatever machine it is of.

    Files of packages keep their place in the package, home folders become ``~``; addresses and relative
    paths stay. The same text always gives the same.
    """
    if "/" not in text and "\\" not in text and "~" not in text:
        return text
    whole = _WHOLE.fullmatch(text)
    if whole is not None:
        return f"{whole['what'] or ''}{_named(whole['path'])}"
    return _PATH.sub(_instead, text)


def _instead(found: re.Match[str]) -> str:
    if found["address"]:
        return found[0]
    if found["quoted"]:
        return f"{found['quote']}{_named(found['quoted'])}{found['quote']}"
    path = found["windows"] or found["bare"]
    kept = path.rstrip(_CLOSING)
    end = path[len(kept) :]
    if re.fullmatch(r"/+[^A-Za-z_.][^/]*|/*", kept):
        return found[0]  # a fraction, a mark
    return f"{found['what'] or ''}{_named(kept)}{end}"


def _named(path: str) -> str:
    """What is told of a path."""
    if _HOMES.fullmatch(path):
        return "~"
    place = _LIBRARY.fullmatch(path) or _OWN_CODE.fullmatch(path)
    if place is not None:
        return str(next(filter(None, place.groups())))
    return next((part for part in reversed(re.split(r"[/\\]+", path)) if part), path)
