"""How well the ranking of methods on ``mini`` agrees with the one that papers report for MTIL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from clbench_mini.demands import by_order, value

__all__ = ["Agreement", "agreement", "correlate", "published"]

METRICS = ("transfer", "average", "last")
ZSCL_TABLE = ("finetune", "lwf", "icarl", "lwf-vr", "wise-ft", "zscl")
RECENT = ("zscl", "moe-adapters", "diki", "rail-dual", "gift")
"""Published in 2023 or later, in that order."""
_FEWEST = 4
_DRAWS = 2000


class Agreement(NamedTuple):
    """Spearman's rank correlation of two rankings of methods.

    Attributes:
        methods: how many.
        rho: the correlation, from -1 to 1.
        low, high: bounds of its 95 % interval by the bootstrap over methods; ``None`` where it is not defined
            in most draws.
    """

    methods: int
    rho: float
    low: float | None
    high: float | None

    def __str__(self) -> str:
        bounds = "" if self.low is None else f" [{self.low:+.2f}, {self.high:+.2f}]"
        return f"{self.rho:+.2f}{bounds}"


def correlate(here: Sequence[float], there: Sequence[float], seed: int = 0) -> Agreement | None:
    """Spearman's correlation of two rows of figures of the same methods, with a seeded bootstrap interval.

    Methods are drawn with replacement: the interval says how much hangs on which methods there are, and is
    wide for few. ``None`` for fewer than four methods, or where all figures of a row are equal.
    """
    from scipy.stats import rankdata  # type: ignore[import-untyped]

    x, y = np.asarray(here, dtype=np.float64), np.asarray(there, dtype=np.float64)
    if len(x) != len(y):
        raise ValueError(f"{len(x)} figures here and {len(y)} there: one of each method")
    if len(x) < _FEWEST or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    draws = np.random.default_rng(seed).integers(len(x), size=(_DRAWS, len(x)))
    drawn = _correlations(rankdata(x[draws], axis=1), rankdata(y[draws], axis=1))
    drawn = drawn[np.isfinite(drawn)]
    low, high = np.quantile(drawn, (0.025, 0.975)) if len(drawn) > _DRAWS / 2 else (None, None)
    [rho] = _correlations(rankdata(x)[None], rankdata(y)[None])
    return Agreement(
        len(x), float(rho), None if low is None else float(low), None if high is None else float(high)
    )


def _correlations(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson's correlation of each row of ``a`` (n, k) with that of ``b``; NaN where one is constant."""
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: np.ndarray = (a * b).sum(axis=1) / np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    return found


def published(order: str) -> dict[str, Mapping[str, float]]:
    """Figures that papers print for MTIL in this order with all training images: method → metric → per cent.

    They are the claims that the installed plugins carry. Of several rows of one method the authors' own comes
    first, and of those the one with the fewest settings of its own.
    """
    from clbench.plugins import get_registry
    from clbench.results.claims import Claim, load_claims

    specs = [entry.spec for entry in get_registry().methods.values() if entry.spec.protocol == "stream"]
    rows = [
        claim
        for claims in load_claims(specs).claims.values()
        for claim in claims
        if isinstance(claim, Claim)
        and (claim.stream, claim.order, claim.shots) in {(s, order, "full") for s in ("mtil", "mtil-coop")}
    ]
    rows.sort(key=lambda claim: (claim.kind != "own", len(claim.settings)))
    found: dict[str, Mapping[str, float]] = {}
    for claim in rows:
        found.setdefault(claim.method, claim.figures)
    return found


def agreement(paths: Iterable[Path]) -> Iterator[str]:
    """Lines of the report: for each order and metric, over all methods that have both figures, over those of
    ZSCL's own table, and over those of 2023 and later."""
    yield "6. Spearman's rank correlation with the figures published for MTIL [95 %, bootstrap over methods]:"
    shown = False
    for order, by_method in by_order(list(paths)).items():
        there = published(order)
        for title, chosen in (("all", None), ("ZSCL's table", ZSCL_TABLE), ("2023 and later", RECENT)):
            names = [m for m in there if m in by_method and (chosen is None or m in chosen)]
            cells = []
            for metric in METRICS:
                here = {
                    name: float(np.mean(values))
                    for name in names
                    if metric in there[name]
                    and (values := [v for r in by_method[name] if (v := value(r, metric)) is not None])
                }
                found = correlate(list(here.values()), [there[name][metric] for name in here])
                cells.append(f"{metric} {found} of {len(here)}" if found else f"{metric} – of {len(here)}")
            if names:
                shown = True
                yield f"   order {order:2s} {title:14s}  " + "   ".join(cells)
    if not shown:
        yield "   no records: clbench run --config examples/board.yaml"
