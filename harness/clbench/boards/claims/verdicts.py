"""Set published figures beside recorded runs: which were reproduced, which not, and why one cannot tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from clbench.boards.claims.frame import STATUSES, ClaimsBoard, Comparison
from clbench.boards.tables.figures import Figures
from clbench.boards.tables.rows import columns_of
from clbench.boards.tables.variants import Variant, variants
from clbench.errors import ConfigError
from clbench.results.claims import AnyClaim, Claim, Difference, OtherClaim, differences_from
from clbench.results.records import Record
from clbench.results.spaces import in_space

__all__ = ["compare"]

SettingsOf = Callable[[Claim], Mapping[str, Any]]

# Differences of figures in percent are known to this; 64.4 - 63.9 is not 0.5 in binary.
_ROUNDING = 1e-9


def compare(
    claims: Iterable[AnyClaim],
    records: Iterable[Record],
    *,
    tolerance: float = 0.5,
    settings_of: SettingsOf = lambda claim: claim.settings,
    notes: Sequence[str] = (),
) -> ClaimsBoard:
    """Set ``claims`` beside ``records``.

    Args:
        claims: of any methods.
        records: any mixture, in any order; those of other methods are not looked at.
        tolerance: how many points a figure may differ from the published one.
        settings_of: all settings of a published row; a run with others is another method. Without it, runs
            in which anything besides the claim's own settings was changed by hand are.
        notes: lines for the reader of the result.

    Raises:
        ConfigError: the tolerance is negative or not finite.
    """
    if not 0 <= tolerance < float("inf"):
        raise ConfigError(
            f"the tolerance {tolerance} is no number of points", fix="give 0 or more, such as --tolerance 0.5"
        )
    by_method: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_method[record.method.name].append(record)
    found = [
        comparison
        for claim in claims
        for comparison in _compared(claim, by_method[claim.method], tolerance, settings_of)
    ]
    return ClaimsBoard(tuple(sorted(found, key=_order)), tolerance, tuple(notes))


def _compared(
    claim: AnyClaim, records: Sequence[Record], tolerance: float, settings_of: SettingsOf
) -> list[Comparison]:
    if claim.incomparable:
        return [Comparison(claim, "not comparable", claim.incomparable)]
    assert isinstance(claim, Claim)
    if not records:
        return [Comparison(claim, "never run", f"no record of {claim.method}")]
    settings = settings_of(claim)
    apart = [(differences_from(claim, record, settings), record) for record in records]
    comparable = [record for differences, record in apart if not differences]
    if not comparable:
        nearest = min((differences for differences, _ in apart), key=_lack)
        return [Comparison(claim, "not comparable", _in_short(nearest))]
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in comparable:
        groups[record.fingerprint.digest].append(record)
    rows = [variant for digest in sorted(groups) for variant in variants(groups[digest])]
    finished = [_judged(claim, variant, tolerance) for variant in rows if variant.finished]
    return finished or [Comparison(claim, "never run", _unfinished(comparable))]


def _judged(claim: Claim, variant: Variant, tolerance: float) -> Comparison:
    records = [in_space(record, claim.label_space) for record in variant.finished]
    figures = Figures(columns_of(tuple(claim.figures)))
    found = figures.of(records, figures.trials(variant.label, records))
    missing = [name for name in claim.figures if name not in found]
    seeds = len(variant.finished)
    if missing:
        reason = f"the records have no {' and no '.join(missing)}"
        return Comparison(claim, "not comparable", reason, found, variant.label, seeds)
    off = {name: found[name].mean - figure for name, figure in claim.figures.items()}
    limit = tolerance + _ROUNDING
    beyond = {name: d for name, d in off.items() if abs(d) > limit}
    clear = {name: d for name, d in beyond.items() if abs(d) - (found[name].half_width or 0) > limit}
    if not beyond:
        widest = max(off, key=lambda name: (abs(off[name]), name))
        return Comparison(
            claim, "reproduced", f"at most {_points({widest: off[widest]})}", found, variant.label, seeds
        )
    if clear:
        return Comparison(claim, "not reproduced", _points(clear), found, variant.label, seeds)
    reason = f"{_points(beyond)}, but the interval over {seeds} seeds reaches ± {tolerance:g}"
    return Comparison(claim, "undecided", reason, found, variant.label, seeds)


def _points(off: Mapping[str, float]) -> str:
    return ", ".join(f"{name.capitalize()} {value:+.2f}" for name, value in off.items())


def _in_short(differences: Sequence[Difference]) -> str:
    """The weightiest and a protocol's facts in full, of the rest the names.

    Settings by name only where nothing else differs.
    """
    first, *others = differences
    facts, rest = [d for d in others if d.fact], [d for d in others if not d.fact]
    names = [d.name for d in rest if first.setting or not d.setting]
    if len(names) < len(rest):
        names.append("settings")
    also = [f"also other {', '.join(names)}"] if names else []
    return "; ".join([str(first), *map(str, facts), *also])


def _lack(differences: Sequence[Difference]) -> tuple[int, int, str]:
    """Sorts first what lacks least: circumstances weigh more than settings; ties go by the words."""
    circumstances = sum(not d.setting for d in differences)
    return circumstances, len(differences), _in_short(differences)


def _unfinished(records: Sequence[Record]) -> str:
    counts = {status: sum(r.status == status for r in records) for status in ("failed", "running")}
    words = {"failed": "failed", "running": "not finished yet"}
    return "; ".join(f"{n} run{'s' * (n > 1)} {words[status]}" for status, n in counts.items() if n)


def _order(comparison: Comparison) -> tuple[int | str, ...]:
    claim = comparison.claim
    first = (STATUSES.index(comparison.status), claim.method)
    if isinstance(claim, OtherClaim):
        return (
            *first,
            "~",
            claim.quantity,
            "",
            claim.row,
            claim.table,
            comparison.run,
            claim.model_dump_json(),
        )
    place = (claim.stream, claim.protocol + claim.order, str(claim.shots), claim.row, claim.table)
    # The whole claim last: rows of one table may differ in nothing but settings or figures.
    return (*first, *place, comparison.run, claim.model_dump_json())
