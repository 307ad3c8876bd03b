"""A short form of the campaign: the same inputs each time; with ``--explore`` others, and more of them."""

from __future__ import annotations

import pytest

from tests.fuzz.campaign import KINDS, Campaign

SHORT = {
    "matrices": 200,
    "values": 200,
    "yaml": 60,
    "settings": 60,
    "streams": 30,
    "side-files": 60,
    "commands": 30,
}
SHORT |= {"records": 30, "names": 20, "archives": 15, "predictions": 8, "indexes": 8, "environment": 12}


def _judged(kind: str, seed: int, count: int) -> None:
    with Campaign(kind, seed) as campaign:
        verdicts = [(number, campaign.judge(number)) for number in range(count)]
    again = f"again: python -m tests.fuzz --seed {seed} --kind {kind} --only"
    bad = [f"{v.complaint}\n  {v.input[:300]}\n  {again} {n}" for n, v in verdicts if v.complaint]
    assert not bad, "\n".join(bad[:5])


@pytest.mark.parametrize("kind", SHORT)
def test_inputs_end_in_words(kind):
    _judged(kind, 0, SHORT[kind])


@pytest.mark.explore
@pytest.mark.parametrize("kind", KINDS)
def test_other_inputs_end_in_words(kind, explore_seed):
    _judged(kind, explore_seed, max(20, KINDS[kind].usual // 20))
