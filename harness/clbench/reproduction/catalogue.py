"""The published rows by number and name, and which of them a person means."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from clbench.errors import ConfigError, PluginError, did_you_mean
from clbench.plugins import Registry
from clbench.results.claims import Claim, load_claims

__all__ = ["Listed", "catalogue", "choose", "claims_of"]

_FILLERS = frozenset({"order", "the", "on", "of", "in", "with"})
_MOST_NAMED = 12


@dataclass(frozen=True, slots=True)
class Listed:
    """A published row of a stream of tasks.

    Attributes:
        number: among those of its method, from 1, in the order of the plugin's file.
        name: what it is called: the stream and the order, with the row's own name where a method has several.
        claim: the row.
    """

    number: int
    name: str
    claim: Claim

    @property
    def title(self) -> str:
        """``zscl 1: MTIL, order I``."""
        return f"{self.claim.method} {self.number}: {self.name}"


def catalogue(
    registry: Registry, methods: Sequence[str] = ()
) -> tuple[dict[str, tuple[Listed, ...]], tuple[PluginError, ...]]:
    """Return the rows of ``methods`` (default: all) by method, and the files that are no good.

    Raises:
        UnknownNameError: a method is not installed.
    """
    specs = [registry.find("method", name).spec for name in methods or registry.methods]
    loaded = load_claims(specs)
    rows = {
        method: _listed([each for each in claims if isinstance(each, Claim)], registry)
        for method, claims in loaded.claims.items()
    }
    return {method: found for method, found in rows.items() if found}, loaded.problems


def claims_of(registry: Registry, method: str) -> tuple[Listed, ...]:
    """Return the rows of one method.

    Raises:
        UnknownNameError: it is not installed.
        PluginError: its file is no good.
        ConfigError: it has none.
    """
    rows, problems = catalogue(registry, [method])
    if problems:
        raise problems[0]
    if method not in rows:
        others, _ = catalogue(registry)
        raise ConfigError(
            f"no published row of {method} is known",
            why=f"its package gives none of a stream of tasks; there are rows of {', '.join(sorted(others))}",
            fix="clbench list claims",
        )
    return rows[method]


def choose(rows: Sequence[Listed], words: str) -> Listed:
    """Return the row that ``words`` mean: its number, its name, or words of it in any order.

    Raises:
        ConfigError: none is meant, or several; says which there are.
    """
    method = rows[0].claim.method
    if words.strip().isdigit():
        found = [row for row in rows if row.number == int(words)]
        if not found:
            raise _unclear(f"{method} has no row number {words.strip()}", rows)
        return found[0]
    wanted = _words(words)
    if not wanted:
        if len(rows) == 1:
            return rows[0]
        raise _unclear(f"{method} has {len(rows)} published rows; name one", rows)
    exact = [row for row in rows if _words(row.name) == wanted]
    found = exact or [row for row in rows if wanted <= _all_words(row)]
    if len(found) == 1:
        return found[0]
    if found:
        raise _unclear(f"{len(found)} rows of {method} have the words {words.strip()!r}", found)
    near = did_you_mean(words.lower(), [row.name.lower() for row in rows])
    close = [row for row in rows if row.name.lower() in near]
    raise _unclear(f"no row of {method} is called {words.strip()!r}", close or rows, close=bool(close))


def _unclear(what: str, rows: Sequence[Listed], *, close: bool = False) -> ConfigError:
    lines = [f"\n  {row.number:>3}  {row.name}" for row in rows[:_MOST_NAMED]]
    rest = len(rows) - _MOST_NAMED
    more = f"\n       and {rest} more: clbench list claims {rows[0].claim.method}" if rest > 0 else ""
    why = "did you mean" if close else "they are"
    return ConfigError(
        what,
        why=f"{why}{''.join(lines)}{more}",
        fix=f"clbench reproduce {rows[0].claim.method} {rows[0].number}, or the name of one",
    )


def _listed(claims: Sequence[Claim], registry: Registry) -> tuple[Listed, ...]:
    plain = [_place(claim, registry) for claim in claims]
    # A variant, such as ZSCL*, has its row's name in front; the usual run of the method has none.
    shared = Counter(plain)
    names = [
        place
        if shared[place] == 1 or (claim.run is not None and claim.run.usual)
        else f"{claim.row}, {place}"
        for claim, place in zip(claims, plain, strict=True)
    ]
    again = Counter(names)
    names = [
        name if again[name] == 1 else f"{name} ({claim.table})"
        for claim, name in zip(claims, names, strict=True)
    ]
    return tuple(
        Listed(number, name, claim)
        for number, (claim, name) in enumerate(zip(claims, names, strict=True), start=1)
    )


def _place(claim: Claim, registry: Registry) -> str:
    stream = registry.streams.get(claim.stream)
    return f"{stream.spec.title if stream else claim.stream}, order {claim.order}"


def _words(text: str) -> frozenset[str]:
    """Its words in small letters, without those that say nothing; ``5-shot`` and ``5 shots`` are alike."""
    found = re.findall(r"[a-z0-9*+']+", text.lower())
    return frozenset(_singular(word) for word in found) - _FILLERS


def _singular(word: str) -> str:
    return "shot" if word == "shots" else word


def _all_words(row: Listed) -> frozenset[str]:
    claim = row.claim
    return _words(" ".join((row.name, claim.stream, claim.row, claim.preset, claim.setting, claim.table)))
