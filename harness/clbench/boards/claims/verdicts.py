"""Set published figures beside recorded runs: which were reproduced, which not, and why one cannot tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from clbench.boards.claims.frame import STATUSES, ClaimsBoard, Comparison
from clbench.boards.tables.figures import Figures
from clbench.boards.tables.rows import columns_of
from clbench.boards.tables.variants import Variant, variants
from clbench.errors import ConfigError
from clbench.results.claims import AnyClaim, Claim, Difference, OtherClaim, differences_from
from clbench.results.records import Record
from clbench.results.spaces import in_space
from clbench.results.statistics.intervals import Interval

__all__ = ["beside", "compare", "figure_verdicts"]

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
    found = _measured(claim, variant.label, records)
    missing = [name for name in claim.figures if name not in found]
    seeds = len(variant.finished)
    if missing:
        reason = f"the records have no {' and no '.join(missing)}"
        return Comparison(claim, "not comparable", reason, found, variant.label, seeds)
    off = {name: found[name].mean - figure for name, figure in claim.figures.items()}
    each = figure_verdicts(claim, found, tolerance)
    beyond = {name: d for name, d in off.items() if each[name] != "reproduced"}
    clear = {name: d for name, d in beyond.items() if each[name] == "not reproduced"}
    if not beyond:
        widest = max(off, key=lambda name: (abs(off[name]), name))
        return Comparison(
            claim, "reproduced", f"at most {_points({widest: off[widest]})}", found, variant.label, seeds
        )
    if clear:
        return Comparison(claim, "not reproduced", _points(clear), found, variant.label, seeds)
    reason = f"{_points(beyond)}, but the interval over {seeds} seeds reaches ± {tolerance:g}"
    return Comparison(claim, "undecided", reason, found, variant.label, seeds)


def _measured(claim: Claim, label: str, records: Sequence[Record]) -> dict[str, Interval]:
    figures = Figures(columns_of(tuple(claim.figures)))
    return dict(figures.of(records, figures.trials(label, records)))


def figure_verdicts(
    claim: Claim, found: Mapping[str, Interval], tolerance: float
) -> dict[str, Literal["reproduced", "not reproduced", "undecided"]]:
    """Return of each printed figure that was measured, whether the measured one is within ``tolerance``.

    ``undecided``: the mean is beyond it, but its interval reaches it.
    """
    limit = tolerance + _ROUNDING
    verdicts: dict[str, Literal["reproduced", "not reproduced", "undecided"]] = {}
    for name, interval in found.items():
        away = abs(interval.mean - claim.figures[name])
        surely = away - (interval.half_width or 0) > limit
        verdicts[name] = "reproduced" if away <= limit else "not reproduced" if surely else "undecided"
    return verdicts


def beside(
    claim: Claim, records: Sequence[Record], *, tolerance: float, settings_of: SettingsOf
) -> Comparison:
    """Set one row beside the runs that were made for it, which all are of one configuration but for the seed.

    Unlike :func:`compare`, what they gave is in the result also where it cannot be compared.
    """
    (comparison, *_) = compare([claim], records, tolerance=tolerance, settings_of=settings_of).comparisons
    if comparison.found:
        return comparison
    scored = [in_space(r, claim.label_space) for r in records if claim.label_space in r.matrices]
    found = _measured(claim, claim.method, scored) if scored else {}
    return replace(comparison, found=found, seeds=len(records))


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
