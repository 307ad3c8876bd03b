"""The same for every text in a value of JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clbench.privacy.paths import without_paths
from clbench.privacy.secrets import HIDDEN, is_secret_name, secrets_of_environment, without_secrets

__all__ = ["paths_hidden", "secrets_hidden"]


def secrets_hidden(value: Any, *, environment: bool = True) -> Any:
    """Return ``value`` without passwords and tokens, be it that they look so or that their key says it.

    Args:
        value: of JSON; tuples are as lists.
        environment: also without the secrets that this process's environment has.
    """
    known = secrets_of_environment() if environment else ()
    return _mapped(value, lambda text: without_secrets(text, known), is_secret_name)


def paths_hidden(value: Any) -> Any:
    """Return ``value`` with absolute paths shortened, see :func:`clbench.privacy.without_paths`."""
    return _mapped(value, without_paths, lambda _: False)


def _mapped(value: Any, change: Callable[[str], str], hide: Callable[[str], bool]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        found: dict[Any, Any] = {}
        for key, inner in value.items():
            name = _free(change(key), found) if isinstance(key, str) else key
            hidden = isinstance(key, str) and hide(key) and isinstance(inner, str) and inner != ""
            found[name] = HIDDEN if hidden else _mapped(inner, change, hide)
        return found
    if isinstance(value, list | tuple):
        return type(value)(_mapped(inner, change, hide) for inner in value)
    return value


def _free(name: str, taken: dict[Any, Any]) -> str:
    """Two keys that become the same stay two."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} ({number})"
    return free
