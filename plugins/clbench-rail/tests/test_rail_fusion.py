"""The largest of the fused scores is RAIL's answer, in every label space."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from clbench_rail.fusion import fuse
from hypothesis import given
from hypothesis import strategies as st

SCORES = st.lists(st.integers(-600, 600).map(lambda i: i / 8), min_size=1, max_size=5)


def answer(learned: list[float], adapter: list[float], unseen: list[float], beta: float) -> int:
    """RAIL's decision, written as the paper tells it; columns are learned classes, then unseen ones."""
    logits = learned + unseen
    named = max(range(len(logits)), key=lambda i: logits[i])
    if named >= len(learned):
        return named
    top = max(learned)
    weights = [math.exp(z - top) for z in learned]
    fused = [(1 - beta) * w / sum(weights) + beta * a for w, a in zip(weights, adapter, strict=True)]
    others = [(1 - beta) * math.exp(z - top) / sum(weights) for z in unseen]
    scores = fused + others
    return max(range(len(scores)), key=lambda i: scores[i])


@given(learned=SCORES, unseen=SCORES, beta=st.sampled_from([0.0, 0.5, 0.9]), data=st.data())
def test_the_answer_among_all_classes(learned, unseen, beta, data):
    adapter = [data.draw(st.integers(-50, 150)) / 100 + 1e-3 * i for i in range(len(learned))]
    everything = sorted(learned + unseen)
    if any(b - a < 0.1 for a, b in pairwise(everything)):
        return  # a tie has no right answer
    fused, others = fuse(
        torch.tensor([learned]), torch.tensor([adapter]).double(), torch.tensor([unseen]), beta
    )
    scores = torch.cat([fused, others], dim=1)[0]
    best = answer(learned, adapter, unseen, beta)
    # Exponentials far below the others may be equal in the plain decision; then either is right.
    assert float(scores[best]) == pytest.approx(float(scores.max()), abs=1e-6)


@given(learned=SCORES, unseen=SCORES, beta=st.sampled_from([0.0, 0.9, 1.0]))
def test_unseen_classes_are_ranked_as_the_zero_shot_model_ranks_them(learned, unseen, beta):
    adapter = torch.zeros(1, len(learned), dtype=torch.float64)
    _, others = fuse(torch.tensor([learned]), adapter, torch.tensor([unseen]), beta)
    order = sorted(range(len(unseen)), key=lambda i: unseen[i])
    ranked = others[0, order].tolist()
    for low, high, a, b in zip(ranked, ranked[1:], order, order[1:], strict=False):
        assert (low < high) if unseen[a] < unseen[b] else low == high


@given(learned=SCORES, unseen=SCORES)
def test_without_the_adapter_it_is_the_zero_shot_model(learned, unseen):
    logits = learned + unseen
    if len(set(logits)) < len(logits):
        return
    fused, others = fuse(
        torch.tensor([learned]), torch.full((1, len(learned)), 7.0), torch.tensor([unseen]), 0.0
    )
    scores = torch.cat([fused, others], dim=1)[0]
    named = max(range(len(logits)), key=lambda i: logits[i])
    assert float(scores[named]) == float(scores.max())


def test_with_all_classes_learned_it_is_the_authors_mixture():
    z = torch.randn(6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 5
    a = torch.rand(6, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    fused, others = fuse(z, a, z[:, :0], 0.9)
    torch.testing.assert_close(fused, 0.1 * torch.softmax(z, dim=-1) + 0.9 * a)
    assert others.shape == (6, 0)


def test_beyond_the_border_unseen_wins_over_any_adapter_output():
    z = torch.tensor([[20.0, 10.0]])
    a = torch.tensor([[50.0, -50.0]])
    fused, others = fuse(z, a, torch.tensor([[20.001, 19.999]]), 0.9)
    assert float(others[0, 0]) > float(fused.max())
    assert float(others[0, 1]) < float(fused.max())
    # and where the adapter is sure that it is none of the learned classes, too
    fused, others = fuse(z, -a.abs(), torch.tensor([[19.999, 20.001]]), 0.9)
    assert int(torch.cat([fused, others], dim=1).argmax()) == 3
