"""Where records come from: code, packages and machines, told once for all runs that share them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from clbench.results.records import Record

__all__ = ["Origin", "origins_of"]


@dataclass(frozen=True)
class Origin:
    """Runs made by the same code, packages and machine.

    Attributes:
        facts: in words, by title.
        runs: how many, and of which methods.
        plugins: version by distribution, of all of the runs.
    """

    facts: dict[str, str]
    runs: str
    plugins: dict[str, str]


def origins_of(records: Sequence[Record]) -> tuple[Origin, ...]:
    """Return the origins of ``records``, most runs first."""
    groups: dict[tuple[tuple[str, str], ...], list[Record]] = defaultdict(list)
    for record in records:
        groups[tuple(_facts(record).items())].append(record)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    return tuple(Origin(dict(facts), _counted(those), _plugins(those)) for facts, those in ordered)


def _facts(record: Record) -> dict[str, str]:
    origin = record.provenance
    commit = origin.commit or "not known (an installed package)"
    changed = ", with changes that are not in it" if origin.dirty else ""
    return {
        "Commit of clbench": f"{commit}{changed}",
        "Machine": origin.machine,
        "Python": origin.python,
        "Packages": ", ".join(f"{name} {number}" for name, number in origin.versions.items()),
    }


def _plugins(records: Sequence[Record]) -> dict[str, str]:
    found: dict[str, set[str]] = defaultdict(set)
    for record in records:
        for name, number in record.provenance.plugins.items():
            found[name].add(number)
    return {name: " and ".join(sorted(found[name])) for name in sorted(found)}


def _counted(records: Sequence[Record]) -> str:
    methods = sorted({record.method.name for record in records})
    started = min(record.provenance.started for record in records)
    ended = max(record.provenance.finished or record.provenance.started for record in records)
    days = " to ".join(dict.fromkeys(f"{moment:%Y-%m-%d %H:%M} UTC" for moment in (started, ended)))
    return f"{len(records)} run{'s' * (len(records) > 1)} of {', '.join(methods)}; {days}"
