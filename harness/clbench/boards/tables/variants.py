"""Which records are repetitions of one another over seeds, and how the row that averages them is called."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from clbench.printing import one_line
from clbench.results.records import Record

__all__ = ["Variant", "recipe_of", "variants"]

_LONGEST = 80  # letters of a value


@dataclass(frozen=True)
class Variant:
    """Records that differ in nothing but their seed.

    Attributes:
        label: the method's name, and in brackets what tells it apart, such as ``zscl (l2=0)``.
        records: one for each seed, by seed.
        superseded: how many further records of the same seeds were left out.
    """

    label: str
    records: tuple[Record, ...]
    superseded: int

    @property
    def finished(self) -> tuple[Record, ...]:
        """The finished ones."""
        return tuple(r for r in self.records if r.status == "finished")


def recipe_of(record: Record) -> tuple[str, ...]:
    """Return what a method was, whatever it ran on: its name, version, code, settings and generator."""
    method = record.method
    settings = json.dumps(method.settings, sort_keys=True)
    return method.name, method.version, record.code, settings, record.generator or ""


def variants(records: Sequence[Record]) -> list[Variant]:
    """Split the records of one protocol by what :func:`recipe_of` returns; labels are unique."""
    groups: dict[tuple[str, ...], list[Record]] = {}
    for record in records:
        groups.setdefault(recipe_of(record), []).append(record)
    members = list(groups.values())
    result = []
    for label, group in zip(_labels([g[0] for g in members], members), members, strict=True):
        latest: dict[int, Record] = {}
        for record in sorted(group, key=_precedence):
            latest[record.seed] = record
        kept = tuple(latest[seed] for seed in sorted(latest))
        result.append(Variant(label, kept, len(group) - len(kept)))
    return result


def _precedence(record: Record) -> tuple[bool, str]:
    """A finished record counts before an unfinished one of the same seed, a later one before an earlier."""
    moment = record.provenance.finished or record.provenance.started
    return record.status == "finished", moment.isoformat()


def _labels(samples: Sequence[Record], groups: Sequence[Sequence[Record]]) -> list[str]:
    """Name what the user set; where that leaves names equal, name all that differs."""
    parts = [
        [f"{name}={_short(r.method.settings[name])}" for name in _chosen(g)]
        for r, g in zip(samples, groups, strict=True)
    ]
    labels = [_joined(r.method.name, p) for r, p in zip(samples, parts, strict=True)]
    for label in {x for x in labels if labels.count(x) > 1}:
        alike = [i for i, x in enumerate(labels) if x == label]
        differing = _differing([samples[i] for i in alike])
        for i in alike:
            values = {
                **{f"{k}": v for k, v in samples[i].method.settings.items()},
                **_circumstances(samples[i]),
            }
            extra = [f"{name}={_short(values.get(name))}" for name in differing]
            labels[i] = _joined(samples[i].method.name, [*parts[i], *(e for e in extra if e not in parts[i])])
    return labels


def _chosen(group: Sequence[Record]) -> list[str]:
    """Settings that the user set in every record of the group; a default typed by hand is a default."""
    return [
        name
        for name in group[0].method.settings
        if all(r.method.settings_sources[name] == "user" for r in group)
    ]


def _differing(records: Sequence[Record]) -> list[str]:
    values = [{**r.method.settings, **_circumstances(r)} for r in records]
    names = dict.fromkeys(name for v in values for name in v)
    return [name for name in names if len({json.dumps(v.get(name), sort_keys=True) for v in values}) > 1]


def _circumstances(record: Record) -> dict[str, str | None]:
    return {"generator": record.generator, "version": record.method.version, "code": record.code[:6]}


def _joined(name: str, parts: Sequence[str]) -> str:
    return f"{name} ({', '.join(parts)})" if parts else name


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else one_line(value, _LONGEST)
