"""A method's runs, found among records by the name of a row, or by the place where they lie."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from clbench.boards.tables.groups import Group
from clbench.boards.tables.variants import recipe_of, variants
from clbench.errors import ConfigError, RecordError, UnknownNameError, did_you_mean
from clbench.results.store import StoredRecord

__all__ = ["Side", "all_sides", "find_side", "whole_side"]


@dataclass(frozen=True)
class Side:
    """A method's finished runs, those of one seed, order and protocol being one.

    Attributes:
        label: the method, and what tells it apart from its other settings.
        runs: by what may be compared.
        left_out: runs that are not finished.
    """

    label: str
    runs: Mapping[Group, tuple[StoredRecord, ...]]
    left_out: tuple[StoredRecord, ...] = ()

    def is_one_recipe(self, groups: Iterable[Group]) -> bool:
        """Whether the method was the same in all of ``groups``: settings, version and generator."""
        return len({recipe_of(self.runs[group][0].record) for group in groups}) == 1


def find_side(name: str, stored: Sequence[StoredRecord]) -> Side:
    """Return the runs of the method called ``name``: a row's label, a method's name, or the start of one.

    Raises:
        UnknownNameError: no record is of such a method.
        ConfigError: it may be several.
    """
    sides = all_sides(stored)
    methods = {label: label.partition(" (")[0] for label in sides}
    for fits in (
        [label for label in sides if label == name],
        [label for label in sides if methods[label] == name],
        [label for label in sides if label.lower().startswith(name.lower())],
    ):
        if len(fits) == 1:
            return sides[fits[0]]
        if fits:
            raise ConfigError(
                f"{name!r} may be any of {len(fits)}",
                why=f"there are {', '.join(fits)}",
                fix=f"name one of them, such as {fits[0]!r}",
            )
    near = [
        label for each in did_you_mean(name, methods.values()) for label in sides if methods[label] == each
    ]
    raise UnknownNameError(
        "method",
        name,
        sides,
        fix=f"if you mean {near[0]!r}, write that; else name one of them, or a run's folder"
        if near
        else "name one of them, or a run's folder",
    )


def whole_side(place: str, stored: Sequence[StoredRecord]) -> Side:
    """Return all of ``stored``, which are what was found at ``place``, as the runs of one method.

    Raises:
        RecordError: there are none.
        ConfigError: they are of several methods, or of several settings of one.
    """
    sides = all_sides(stored)
    if not sides:
        raise RecordError(
            f"there is no record at {place}", fix="name a run's folder, or a method and --runs PATH"
        )
    if len(sides) > 1:
        raise ConfigError(
            f"{place} has runs of {len(sides)} methods",
            why=f"there are {', '.join(sides)}",
            fix=f"compare two by name: clbench compare '{next(iter(sides))}' … --runs {place}",
        )
    return next(iter(sides.values()))


def all_sides(stored: Sequence[StoredRecord]) -> dict[str, Side]:
    """Return all methods by label; a label stands for equal settings in every order."""
    groups: dict[tuple[object, ...], list[StoredRecord]] = {}
    for each in stored:
        # Labels name what differs among the rows of a table; orders share them.
        key = replace(Group.of(each.record), order="", tasks=())
        groups.setdefault((key,), []).append(each)
    found: dict[str, Side] = {}
    for members in groups.values():
        for order in sorted({each.record.stream.order for each in members}):
            for side in _of_order([each for each in members if each.record.stream.order == order]):
                known = found.get(side.label, Side(side.label, {}))
                found[side.label] = Side(
                    side.label, {**known.runs, **side.runs}, (*known.left_out, *side.left_out)
                )
    return dict(sorted(found.items()))


def _of_order(stored: Sequence[StoredRecord]) -> Iterable[Side]:
    where = {id(each.record): each for each in stored}
    for variant in variants([each.record for each in stored]):
        finished = tuple(where[id(record)] for record in variant.finished)
        rest = tuple(where[id(record)] for record in variant.records if record.status != "finished")
        runs = {Group.of(finished[0].record): finished} if finished else {}
        yield Side(variant.label, runs, rest)
