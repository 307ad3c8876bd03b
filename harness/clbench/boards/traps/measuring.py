"""What a trap is worth: both forms of a method compared, run by run and image by image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from typing import Any, Literal

from clbench.boards.comparison.comparing import Comparison, compare_sides
from clbench.boards.comparison.sides import whole_side
from clbench.boards.comparison.tables import flat_difference
from clbench.boards.formats.cells import NONE, Cell, Grid
from clbench.boards.formats.wording import MINUS, signed
from clbench.boards.formats.writing import grids_as_markdown, grids_as_text
from clbench.boards.traps.listing import Listed
from clbench.config.options import as_typed
from clbench.errors import RecordError
from clbench.printing import as_json
from clbench.results.statistics.paired import PairedDifference
from clbench.results.store import StoredRecord

__all__ = ["METRICS", "Measured", "measured", "render_measured"]

METRICS = ("transfer", "average", "last")

_NOTES = (
    f"published {MINUS} intended, in points: what the published form adds to the figure",
    "in brackets: 95 % interval of the paired difference, over test images and seeds",
    "all other settings are those of the stream; where the trap does not show with these, the ones named",
)


@dataclass(frozen=True)
class Measured:
    """A trap with what its two forms scored.

    Attributes:
        listed: the trap.
        comparison: of the published with the intended form; ``None`` where there is none.
        reason: why there is none.
        given: settings of both forms under which the trap shows, as they were.
    """

    listed: Listed
    comparison: Comparison | None
    reason: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def seeds(self) -> int:
        """How many pairs of runs were compared."""
        return 0 if self.comparison is None else sum(map(len, self.comparison.pairs))


def measured(listed: Listed, published: Sequence[StoredRecord], intended: Sequence[StoredRecord]) -> Measured:
    """Compare the runs of a trap's two forms; where they cannot be compared the reason says why."""
    for form, runs in (("published", published), ("intended", intended)):
        failed = [run.record for run in runs if run.record.status != "finished"]
        if len(failed) == len(runs):
            why = failed[0].failure.line if failed and failed[0].failure else "it has no finished run"
            return Measured(listed, None, f"the {form} form: {why}")
    try:
        a, b = whole_side("the published form", published), whole_side("the intended form", intended)
        found = compare_sides(a, b, METRICS)
    except RecordError as error:
        return Measured(listed, None, error.line)
    settings = published[0].record.method.settings
    given = {name: settings[name] for name in listed.trap.given if name in settings}
    return Measured(listed, found[0], given=given)


def render_measured(
    found: Sequence[Measured], format: Literal["text", "md", "json"], notes: Sequence[str] = ()
) -> str:
    """Return a row a trap: the differences of Transfer, Average and Last with their intervals."""
    if format == "json":
        return as_json([_flat(each) for each in found], indent=2)
    told = [each for each in found if each.comparison is not None]
    rows = tuple(_row(each) for each in told)
    captions = dict.fromkeys(each.comparison.group.titled() for each in told if each.comparison is not None)
    headers = ("Trap", *(metric.capitalize() for metric in METRICS), "Seeds", "With")
    align = ("left", "right", "right", "right", "right", "left")
    grids = [Grid("; ".join(captions), headers, align, rows, ())] if rows else []
    reasons: dict[str, list[str]] = {}
    for each in found:
        if each.comparison is None:
            reasons.setdefault(each.reason, []).append(each.listed.name)
    rest = [f"not measured: {', '.join(members)}: {reason}" for reason, members in reasons.items()]
    write = grids_as_markdown if format == "md" else grids_as_text
    bold = ("bold: the interval leaves 0 out",) if format == "md" else ()
    lines = [*((*_NOTES, *bold) if rows else ()), *rest, *notes]
    return write(grids, lines, empty="nothing is measured")


def _row(each: Measured) -> tuple[Cell, ...]:
    assert each.comparison is not None
    cells = [_cell(each.comparison.means[metric]) for metric in METRICS]
    given = ", ".join(f"{name}={as_typed(value)}" for name, value in each.given.items())
    return (Cell(each.listed.name), *cells, Cell(str(each.seeds)), Cell(given or NONE))


def _cell(found: PairedDifference) -> Cell:
    if isnan(found.difference):
        return Cell(NONE)
    bounds = "" if found.bounds is None else f" ({signed(found.bounds[0])} to {signed(found.bounds[1])})"
    return Cell(f"{signed(found.difference)}{bounds}", total=found.separable)


def _flat(each: Measured) -> dict[str, Any]:
    facts: dict[str, Any] = {"owner": each.listed.owner, "trap": each.listed.trap.id, "reason": each.reason}
    if each.comparison is not None:
        group = each.comparison.group
        facts |= {"stream": group.stream, "order": group.order, "label_space": group.label_space}
        facts |= {metric: flat_difference(found) for metric, found in each.comparison.means.items()}
    return {**facts, "given": dict(each.given)}
