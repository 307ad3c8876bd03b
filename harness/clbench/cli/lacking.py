"""What is missing for a run, with the commands that bring it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from clbench.specs import Need

__all__ = ["all_of", "grouped"]

_FETCHES = re.compile(r"(?P<command>.* --only )(?P<key>\S+)(?:  \(.*\))?")
_ABOUT = re.compile(r"(?P<kind>.+ of )(?P<key>\S+)")


def grouped(needs: Sequence[Need]) -> list[tuple[str, str]]:
    """Return what is missing and how it comes; what one command fetches for several keys stands together.

    Of the ways in which a thing comes, the first is told where it is such a command.
    """
    told: dict[str, tuple[list[str], list[str]]] = {}
    for need in needs:
        first = need.cure.splitlines()[0] if need.cure else ""
        command = _FETCHES.fullmatch(first)
        if command is None:
            told[need.cure] = ([need.what], [])
            continue
        whats, keys = told.setdefault(command["command"], ([], []))
        whats.append(need.what)
        keys.append(command["key"])
    return [
        (all_of(whats), f"{cure}{','.join(dict.fromkeys(keys))}" if keys else cure)
        for cure, (whats, keys) in told.items()
    ]


def all_of(whats: Sequence[str]) -> str:
    """Things of one kind together: ``images of dtd, food; CoOp's split of dtd``."""
    kinds: dict[str, list[str]] = {}
    for what in whats:
        about = _ABOUT.fullmatch(what)
        kinds.setdefault(about["kind"] if about else what, []).extend([about["key"]] if about else [])
    return "; ".join(f"{kind}{', '.join(keys)}" for kind, keys in kinds.items())
