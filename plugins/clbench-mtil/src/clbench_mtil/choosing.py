"""Which data sets a command line names."""

from __future__ import annotations

from collections.abc import Sequence

from clbench.errors import UnknownNameError

__all__ = ["chosen_keys"]


def chosen_keys(
    only: str | None, known: Sequence[str], what: str, usual: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return the keys in a list with commas, each once.

    Args:
        only: the list; nothing: all.
        known: the keys that there are.
        what: they are of, for the message.
        usual: what is meant by nothing.  Default: all that are known.

    Raises:
        UnknownNameError: there is no such key.
    """
    keys = tuple(dict.fromkeys(key.strip() for key in (only or "").split(",") if key.strip()))
    for key in keys:
        if key not in known:
            raise UnknownNameError(what, key, known)
    return keys or tuple(usual or known)
