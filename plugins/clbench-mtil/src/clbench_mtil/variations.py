"""Streams with facts of their protocol exchanged, such as ``mtil-fs+draw=coop`` or ``mtil+prompts=first``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

from clbench import StreamSpec
from clbench.errors import ConfigError, UnknownNameError

from clbench_mtil.catalogue import Protocol
from clbench_mtil.draws import DrawName
from clbench_mtil.facts import FACTS, Facts, Names, Prompts
from clbench_mtil.variants import VARIANTS, Variant

__all__ = ["VALUES", "spec_of", "variant_of"]

VALUES: Mapping[str, tuple[str, ...]] = {
    "protocol": tuple(FACTS),
    "splits": get_args(Protocol),
    "names": get_args(Names),
    "prompts": get_args(Prompts),
    "draw": get_args(DrawName),
}
"""What may stand behind each fact; ``protocol`` is all four of a published one."""

_OWN_NAMES: Mapping[str, Names] = {"zscl": "authors", "coop": "coop"}
"""The names that come with splits, where none are asked for."""


def spec_of(name: str, facts: Mapping[str, str]) -> StreamSpec:
    """The stream ``name`` with ``facts`` exchanged, as its spec; see :class:`clbench.StreamSpec`.

    Raises:
        ConfigError: a fact or a value is unknown, or they cannot go together.
    """
    return _varied(VARIANTS[name], facts).spec()


def variant_of(name: str) -> Variant:
    """The variant of a name as :func:`spec_of` gives it."""
    base, *parts = name.split("+")
    return _varied(VARIANTS[base], dict(part.split("=", 1) for part in parts))


def _varied(base: Variant, given: Mapping[str, str]) -> Variant:
    for fact, value in given.items():
        if fact not in VALUES:
            raise UnknownNameError("fact of a protocol", fact, VALUES)
        if value not in VALUES[fact]:
            raise UnknownNameError(f"value of {fact}", value, VALUES[fact])
    facts = FACTS[given["protocol"]] if "protocol" in given else base.facts
    own = {fact: value for fact, value in given.items() if fact != "protocol"}
    if "splits" in own and own["splits"] != facts.splits:
        own.setdefault("names", _OWN_NAMES[own["splits"]])
    chosen: Facts = replace(facts, **own)  # type: ignore[arg-type]  # looked up above
    _check(base, chosen, given)
    changed = {
        fact: getattr(chosen, fact)
        for fact in ("draw", "names", "prompts", "splits")
        if getattr(chosen, fact) != getattr(base.facts, fact) and (fact != "draw" or base.shots)
    }
    if not changed:
        return base
    mark = "".join(f"+{fact}={value}" for fact, value in changed.items())
    said = ", ".join(f"{fact} {value}" for fact, value in changed.items())
    return replace(base, name=base.name + mark, title=f"{base.title} ({said})", facts=chosen)


def _check(base: Variant, facts: Facts, given: Mapping[str, str]) -> None:
    """Refuse facts that cannot go together."""
    why = ""
    fitting = {"zscl": ("authors",), "coop": ("coop", "rail")}[facts.splits]
    if facts.names not in fitting:
        why = f"the class numbers of splits {facts.splits!r} are not those of names {facts.names!r}"
    elif facts.prompts == "codyra" and "cifar100" in base.keys:
        why = "CoDyRA's code has no prompt for CIFAR100"
    elif base.label_space == "seen" and (facts.splits, facts.names) != (base.facts.splits, base.facts.names):
        why = f"which names are one class in {base.name} is known for its own names alone"
    elif "draw" in given and not base.shots:
        why = f"{base.name} has all training images: nothing is drawn"
    if why:
        asked = ", ".join(f"{fact}={value}" for fact, value in given.items())
        raise ConfigError(
            f"stream {base.name} cannot have {asked}", why=why, fix=f"clbench show stream {base.name}"
        )
