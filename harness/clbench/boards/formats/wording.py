"""Numbers and lists of names in words, the same in every table, figure and page."""

from __future__ import annotations

import re
from collections.abc import Sequence

from clbench.boards.formats.cells import NONE, steady

__all__ = ["MINUS", "gibibytes", "listed", "percent", "shortened", "signed", "slug"]

MINUS = "−"
"""As wide as a plus, and never broken from its number."""


def percent(value: float | None, decimals: int = 2) -> str:
    """Return a figure in percent, without the sign; a dash for what is missing."""
    return NONE if value is None else f"{steady(value):.{decimals}f}".replace("-", MINUS)


def signed(points: float, decimals: int = 2) -> str:
    """Return a difference with its sign; what rounds to zero has none."""
    text = f"{points:+.{decimals}f}"
    return text[1:] if float(text) == 0 else text.replace("-", MINUS)


def gibibytes(size: float | None) -> str:
    """Return bytes as ``1.25 GiB``; a dash for what is not known."""
    return NONE if size is None else f"{size / 2**30:.2f} GiB"


def shortened(text: str, most: int = 34) -> str:
    """Cut a name that would leave no room for what it names."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def listed(names: Sequence[object], most: int | None = None) -> str:
    """Join names as in a sentence; of more than ``most`` the first, and how many more."""
    texts = [str(name) for name in names]
    if most is not None and len(texts) > most + 1:
        texts = [*texts[:most], f"{len(texts) - most} more"]
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def slug(text: str) -> str:
    """Return ``text`` as letters, digits and hyphens."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")
