"""Herding and the memory of exemplars."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from clbench import Preprocessing
from clbench_baselines.exemplars import ExemplarMemory, Group, herding
from clbench_baselines.remembering import class_shares, remember
from clbench_baselines.settings import ICaRLSettings
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
def test_by_class_the_capacity_is_shared_alike_and_never_exceeded(capacity, tasks):
    memory, settings = ExemplarMemory(), ICaRLSettings(memory=capacity, groups="classes")
    for number, classes in enumerate(tasks):
        before = [g.pixels for g in memory.groups]
        labels = torch.arange(classes).repeat_interleave(capacity)
        remember(
            memory,
            settings,
            labels=labels,
            prompts=[f"{number}: {c}" for c in range(classes)],
            pixels=lambda chosen: torch.zeros(len(chosen), 3, 2, 2, dtype=torch.uint8),
            embed=lambda chosen: torch.ones(len(chosen), 2),
        )
        sizes = [len(g.pixels) for g in memory.groups]
        assert len(memory) == sum(sizes) == capacity
        assert max(sizes) - min(sizes) <= 1
        for old, new in zip(before, memory.groups, strict=False):
            assert torch.equal(old[: len(new.pixels)], new.pixels)  # the first of the herding are kept
    assert memory.owners().tolist() == [i for i, n in enumerate(sizes) for _ in range(n)]


def filled() -> ExemplarMemory:
    memory = ExemplarMemory()
    memory.prompts = ["a", "b"]
    first = torch.arange(3, dtype=torch.uint8)[:, None, None, None].expand(3, 3, 2, 2).clone()
    memory.groups.append(Group(first, torch.tensor([0, 1, 0])))
    memory.groups.append(Group(torch.full((2, 3, 2, 2), 200, dtype=torch.uint8), torch.tensor([1, 1])))
    return memory


def test_batches_pass_over_all_exemplars_and_know_whose_they_are():
    memory, preprocessing = filled(), Preprocessing(size=2, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    drawn = torch.Generator().manual_seed(0)
    batches = memory.batches(3, preprocessing, torch.device("cpu"), generator=drawn)
    first, last = next(batches), next(batches)
    assert [len(first), len(last)] == [3, 2]
    indices = torch.cat([first.indices, last.indices])
    assert sorted(indices.tolist()) == [0, 1, 2, 3, 4]
    shown = torch.cat([first.images, last.images])
    torch.testing.assert_close(shown, memory.all_pixels()[indices] / 255)
    assert torch.equal(torch.cat([first.labels, last.labels]), memory.owners()[indices])


def test_without_a_generator_every_pass_is_in_order_also_after_an_interruption():
    preprocessing, cpu = Preprocessing(size=2, mean=(0.0,) * 3, std=(1.0,) * 3), torch.device("cpu")
    batches = filled().batches(3, preprocessing, cpu)
    assert [next(batches).indices.tolist() for _ in range(3)] == [[0, 1, 2], [3, 4], [0, 1, 2]]
    again = filled().batches(3, preprocessing, cpu)
    again.load_state_dict(batches.state_dict())
    assert next(again).indices.tolist() == [3, 4]


def test_its_state_is_plain_and_comes_back():
    again = ExemplarMemory()
    again.load_state_dict(filled().state_dict())
    assert again.prompts == ["a", "b"]
    assert torch.equal(again.all_pixels(), filled().all_pixels())
    assert torch.equal(again.owners(), filled().owners())


@pytest.mark.parametrize(("capacity", "classes", "shares"), [(10, 4, [3, 3, 2, 2]), (2, 3, [1, 1, 0])])
def test_shares(capacity, classes, shares):
    assert class_shares(capacity, classes) == shares
