"""Inputs that one process judges one after another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tests.fuzz.campaign import Campaign

Piece = tuple[str, int, Sequence[int]]
"""Kind, seed, and the inputs' numbers."""

Found = tuple[str, "Counter[str]", list[tuple[int, str, str]]]
"""Kind, how many ended how, and of those that failed the number, the complaint and the input."""


def judged(piece: Piece) -> Found:
    kind, seed, numbers = piece
    ends: Counter[str] = Counter()
    bad = []
    with Campaign(kind, seed) as campaign:
        for number in numbers:
            verdict = campaign.judge(number)
            ends[verdict.outcome] += 1
            if verdict.complaint:
                bad.append((number, verdict.complaint, verdict.input[:300]))
    return kind, ends, bad
