"""Learning rates as functions of the 0-based step; set before the step is taken."""

from __future__ import annotations

import math
from collections.abc import Callable

__all__ = ["Schedule", "constant", "cosine", "warmup_cosine"]

Schedule = Callable[[int], float]


def constant(rate: float) -> Schedule:
    """The same rate at every step."""
    return lambda _step: rate


def warmup_cosine(rate: float, *, warmup: int, iterations: int) -> Schedule:
    """Linear warm-up, then half a cosine to zero: ZSCL, GIFT, MoE-Adapters.

    ``rate · (k + 1) / warmup`` for k < warmup, then ``rate · (1 + cos(π (k - warmup) / (iterations -
    warmup))) / 2``. Step ``k = iterations`` has rate exactly 0: "1000 iterations" are 1001 steps in the
    authors' loops, the last of which moves nothing.
    """

    def at(step: int) -> float:
        if step < warmup:
            return rate * (step + 1) / warmup
        if step >= iterations:
            return 0.0
        return 0.5 * rate * (1.0 + math.cos(math.pi * (step - warmup) / (iterations - warmup)))

    return at


def cosine(rate: float, *, final: float, steps: int) -> Schedule:
    """Half a cosine from ``rate`` towards ``final`` over ``steps``, without warm-up: DIKI."""
    return lambda step: final + 0.5 * (rate - final) * (1.0 + math.cos(math.pi * step / steps))
