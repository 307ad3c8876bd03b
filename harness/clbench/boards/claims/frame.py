"""Published figures beside recorded runs, as a table: verdicts, figures, reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from clbench.results.claims import METRICS, AnyClaim, Claim
from clbench.results.statistics.intervals import Interval

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["STATUSES", "ClaimsBoard", "Comparison", "Status"]

Status = Literal["reproduced", "not reproduced", "undecided", "never run", "not comparable"]
STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True)
class Comparison:
    """A claim and what the records say of it.

    Attributes:
        claim: the published figures.
        status: ``reproduced``: each mean over seeds is within the tolerance; ``not reproduced``: a figure's
            whole interval over seeds is beyond it; ``undecided``: the mean is beyond it but the interval
            reaches it; ``never run``; ``not comparable``.
        reason: in words.
        found: the recorded figures by metric, where there are any to compare.
        run: which runs they are of: the method, and the settings that tell it apart.
        seeds: over how many seeds.
    """

    claim: AnyClaim
    status: Status
    reason: str
    found: Mapping[str, Interval] = field(default_factory=dict)
    run: str = ""
    seeds: int | None = None


@dataclass(frozen=True)
class ClaimsBoard:
    """Claims beside records, most conclusive first.

    Attributes:
        comparisons: at least one for each claim; several where it was run under several protocols.
        tolerance: in points.
        notes: what a reader must know: claims and records that could not be read.
    """

    comparisons: tuple[Comparison, ...]
    tolerance: float
    notes: tuple[str, ...] = ()

    @property
    def frame(self) -> pd.DataFrame:
        """One row for each comparison; figures in percent, unrounded.

        Columns: status, method, row (as the paper calls it), stream, protocol, order, shots, label_space,
        backbone, for each metric ``claimed_``, ``found_``, ``found_``…``_ci95`` and ``difference_``, seeds,
        run, kind, table, source, reason, note.
        """
        import pandas as pd

        numbers = [f"{part}_{name}{tail}" for name in METRICS for part, tail in _PARTS]
        names = ["status", "method", "row", "stream", "protocol", "order", "shots", "label_space", "backbone"]
        names += [*numbers, "seeds", "run", "kind", "table", "source", "reason", "note"]
        frame = pd.DataFrame([_flat(c) for c in self.comparisons], columns=names)
        return frame.astype({"seeds": "Int64", **dict.fromkeys(numbers, "float64")})


_PARTS = (("claimed", ""), ("found", ""), ("found", "_ci95"), ("difference", ""))


def _flat(comparison: Comparison) -> dict[str, object]:
    claim = comparison.claim
    flat: dict[str, object] = {"status": comparison.status, "method": claim.method, "row": claim.row}
    if isinstance(claim, Claim):
        place = ("stream", "protocol", "order", "label_space", "backbone")
        flat |= {name: getattr(claim, name) for name in place} | {"shots": str(claim.shots)}
        for name, figure in claim.figures.items():
            flat[f"claimed_{name}"] = figure
            if name in comparison.found:
                interval = comparison.found[name]
                flat[f"found_{name}"] = interval.mean
                flat[f"found_{name}_ci95"] = interval.half_width
                flat[f"difference_{name}"] = interval.mean - figure
    else:
        flat["row"] = f"{claim.row}: {claim.quantity} {claim.value:g} {claim.unit}".strip()
    return flat | {
        "seeds": comparison.seeds,
        "run": comparison.run,
        "kind": claim.kind,
        "table": claim.table,
        "source": claim.source,
        "reason": comparison.reason,
        "note": claim.note,
    }
