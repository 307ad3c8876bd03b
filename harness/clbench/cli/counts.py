"""Numbers in tables."""

from __future__ import annotations

__all__ = ["counted"]


def counted(number: int | None) -> str:
    """``12,345``; a dash for what is not known."""
    return "–" if number is None else f"{number:,}"
