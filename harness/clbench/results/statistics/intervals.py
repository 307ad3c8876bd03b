"""A figure with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev
from typing import Literal

__all__ = ["Interval", "Source", "mean_interval"]

Source = Literal["images", "seeds", "orders"]
"""What chance a figure has: of the test images, of training, of the order of tasks."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with a symmetric confidence interval, ``mean ± half_width``, in the unit of the values.

    Attributes:
        mean: the arithmetic mean.
        half_width: half the width of the interval; ``None`` where nothing is known of the figure's chance.
        n: how many runs there are.
        covers: the sources of chance that the interval is over.
    """

    mean: float
    half_width: float | None
    n: int
    covers: tuple[Source, ...] = ()

    @property
    def low(self) -> float | None:
        """The lower end."""
        return None if self.half_width is None else self.mean - self.half_width

    @property
    def high(self) -> float | None:
        """The upper end."""
        return None if self.half_width is None else self.mean + self.half_width


def mean_interval(values: Sequence[float], *, level: float = 0.95) -> Interval:
    """Return the mean of ``values`` and its two-sided Student t interval.

    The half width is ``t(1 - (1 - level) / 2, n - 1) * s / sqrt(n)`` with the sample standard deviation
    ``s`` (n - 1 in its denominator). For figures of runs see
    :func:`clbench.results.statistics.estimates.estimate`.

    Raises:
        ValueError: no values, or ``level`` is not between 0 and 1.
    """
    if not values:
        raise ValueError("the mean of no values is not defined")
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, not {level}")
    n = len(values)
    if n == 1:
        return Interval(float(values[0]), None, 1)
    # Imported here: a table of single seeds should not wait for it.
    from scipy.special import stdtrit  # type: ignore[import-untyped]

    quantile = float(stdtrit(n - 1, 0.5 + level / 2))
    return Interval(fmean(values), quantile * stdev(values) / sqrt(n), n, ("seeds",))
