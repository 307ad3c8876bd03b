"""The steps of a class-incremental stream: which classes come when, and what a step is called."""

from __future__ import annotations

from itertools import pairwise

__all__ = ["cuts", "step_key", "step_title"]


def cuts(classes: int, base: int, increment: int) -> list[tuple[int, int]]:
    """First and last + 1 of each step's classes, in the order in which they come."""
    return list(pairwise([0, *range(base, classes + 1, increment)]))


def step_key(index: int) -> str:
    """``step-01``, …: the name to type."""
    return f"step-{index + 1:02}"


def step_title(start: int, end: int) -> str:
    """The name to print, of classes counted from 1."""
    return f"classes {start + 1}–{end}"
