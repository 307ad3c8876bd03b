"""Streams with some facts of their protocol exchanged: ``mtil+prompts=first``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from clbench.errors import ConfigError
from clbench.specs import StreamSpec, load_reference

if TYPE_CHECKING:
    from clbench.plugins.registry import Contribution, Registry

__all__ = ["base_name", "varied"]

MARK = "+"


def base_name(name: str) -> str:
    """The name of the stream that is varied: what stands before the first ``+``."""
    return name.partition(MARK)[0]


def varied(registry: Registry, name: str) -> Contribution[StreamSpec]:
    """The stream that a plugin calls ``name``, or the one before ``+`` with the facts behind it exchanged.

    Raises:
        ConfigError: what stands behind ``+`` is not of the form fact=value, a fact comes twice, or the stream
            has no facts to choose, or not this value.
        UnknownNameError, PluginError: see :meth:`clbench.plugins.Registry.find`.
    """
    base, *given = name.split(MARK)
    found = registry.find("stream", base)
    if not given:
        return found
    spec: StreamSpec = found.spec
    if spec.variations is None:
        raise ConfigError(
            f"stream {base} has nothing to exchange by {MARK}{given[0]}",
            why="its protocol is one whole" if not spec.facts else "its plugin offers no variations",
            fix=f"--stream {base}",
        )
    facts: dict[str, str] = {}
    for part in given:
        fact, equals, value = part.partition("=")
        if not (fact and equals and value) or fact in facts:
            raise ConfigError(
                f"--stream {name}: {part!r} " + ("comes twice" if fact in facts else "is not fact=value"),
                fix=f"write {base}{MARK}FACT=VALUE; a wrong FACT or VALUE is answered by those there are",
            )
        facts[fact] = value
    return replace(found, spec=load_reference(spec.variations)(*spec.arguments, facts=facts))
