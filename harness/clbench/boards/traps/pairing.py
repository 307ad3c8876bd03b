"""Records that differ in one trap alone, found among any."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from clbench.boards.tables.groups import Group
from clbench.boards.traps.listing import Listed
from clbench.results.records import Record
from clbench.results.store import StoredRecord
from clbench.traps import TrapBook
from clbench.traps.forms import form_of

__all__ = ["pair_of_forms"]

Pair = tuple[list[StoredRecord], list[StoredRecord]]


def pair_of_forms(listed: Listed, stored: Sequence[StoredRecord], book: TrapBook) -> Pair:
    """Return the runs of a trap's published and of its intended form that are equal in all else.

    Where several kinds of runs are there in both forms, those are taken that have the settings under which
    the trap is said to show, then those with most runs, then those with fewest settings set by hand.
    """
    trap = listed.trap
    kinds: dict[tuple[object, ...], Pair] = {}
    for each in stored:
        record = each.record
        names = {trap.published, trap.intended} if trap.where == "method" else {listed.owner}
        if record.method.name not in names or record.status != "finished":
            continue
        settings = {**book.defaults.get(record.method.name, {}), **record.method.settings}
        form = form_of(trap, record.method.name, settings)[0]
        if form in ("published", "intended"):
            pair = kinds.setdefault(_rest(record, settings, trap.switch), ([], []))
            pair[form == "intended"].append(each)
    both = [pair for pair in kinds.values() if all(pair)]
    return max(both, key=lambda pair: _fitness(pair, trap.given), default=([], []))


def _rest(record: Record, settings: Mapping[str, Any], switch: str) -> tuple[object, ...]:
    """All that must be equal: what may be compared, the code, and the other settings."""
    others = {name: value for name, value in settings.items() if name != switch}
    return Group.of(record), record.method.version, record.code, json.dumps(others, sort_keys=True)


def _fitness(pair: Pair, given: Mapping[str, Any]) -> tuple[int, int, int]:
    fits, by_hand = 0, 0
    for side in pair:
        method = side[0].record.method
        fits += all(method.settings.get(name) == value for name, value in given.items())
        by_hand += sum(source == "user" for source in method.settings_sources.values())
    return fits, min(map(len, pair)), -by_hand
