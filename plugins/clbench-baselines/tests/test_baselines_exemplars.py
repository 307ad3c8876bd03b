"""Herding and the memory of exemplars."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from clbench import Preprocessing
from clbench_baselines.exemplars import ExemplarMemory, herding
from hypothesis import given, settings
from hypothesis import strategies as st

PROPERTY = settings(max_examples=25, deadline=None)


@PROPERTY
@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(0, 12))
def test_herding_is_the_algorithm(seed, n, count):
    features = np.random.default_rng(seed).normal(size=(n, 3))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    chosen = herding(torch.from_numpy(features), count).tolist()
    assert len(set(chosen)) == len(chosen) == min(n, count)
    total = np.zeros(3)
    for k, picked in enumerate(chosen, 1):  # Algorithm 4 of the paper, image by image
        distances = ((features.mean(0) - (features + total) / k) ** 2).sum(axis=1)
        free = [i for i in range(n) if i not in chosen[: k - 1]]
        # Of equally near ones, such as two unit vectors and their mean, rounding may choose either.
        assert distances[picked] <= distances[free].min() + 1e-12
        total += features[picked]


def test_herding_takes_the_most_typical_first_and_none_twice():
    features = torch.nn.functional.normalize(
        torch.tensor([[1.0, 0.9], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), dim=-1
    )
    assert herding(features, 4).tolist()[0] in (0, 3)
    assert sorted(herding(features, 9).tolist()) == [0, 1, 2, 3]


@PROPERTY
@given(st.integers(1, 50), st.lists(st.integers(1, 8), min_size=1, max_size=6))
def test_the_capacity_is_shared_alike_and_never_exceeded(capacity, tasks):
    memory = ExemplarMemory(capacity)
    for classes in tasks:
        total = len(memory.prompts) + classes
        before = [p.clone() for p in memory.pixels]
        memory.make_room(total)
        for position in range(len(memory.prompts), total):
            count = memory.share(position, total)
            memory.add(f"class {position}", torch.full((count, 3, 2, 2), position, dtype=torch.uint8))
        sizes = [len(p) for p in memory.pixels]
        assert len(memory) == sum(sizes) == capacity
        assert max(sizes) - min(sizes) <= 1
        for old, new in zip(before, memory.pixels, strict=False):
            assert torch.equal(old[: len(new)], new)  # the first of the herding are kept
    assert all((p == position).all() for position, p in enumerate(memory.pixels))
    assert memory.owners().tolist() == [i for i, n in enumerate(sizes) for _ in range(n)]


def filled() -> ExemplarMemory:
    memory = ExemplarMemory(5)
    memory.add("a", torch.arange(3, dtype=torch.uint8)[:, None, None, None].expand(3, 3, 2, 2).clone())
    memory.add("b", torch.full((2, 3, 2, 2), 200, dtype=torch.uint8))
    return memory


def test_batches_pass_over_all_exemplars_and_know_whose_they_are():
    memory, preprocessing = filled(), Preprocessing(size=2, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    batches = memory.batches(3, preprocessing, torch.Generator().manual_seed(0), torch.device("cpu"))
    first, last = next(batches), next(batches)
    assert [len(first), len(last)] == [3, 2]
    indices = torch.cat([first.indices, last.indices])
    assert sorted(indices.tolist()) == [0, 1, 2, 3, 4]
    shown = torch.cat([first.images, last.images])
    torch.testing.assert_close(shown, memory.all_pixels()[indices] / 255)
    assert torch.equal(torch.cat([first.labels, last.labels]), memory.owners()[indices])


def test_its_state_is_plain_and_comes_back():
    again = ExemplarMemory(5)
    again.load_state_dict(filled().state_dict())
    assert again.prompts == ["a", "b"]
    assert torch.equal(again.all_pixels(), filled().all_pixels())


@pytest.mark.parametrize(("capacity", "classes", "shares"), [(10, 4, [3, 3, 2, 2]), (2, 3, [1, 1, 0])])
def test_shares(capacity, classes, shares):
    assert [ExemplarMemory(capacity).share(i, classes) for i in range(classes)] == shares
