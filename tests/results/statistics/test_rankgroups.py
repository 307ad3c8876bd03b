"""Rank groups: what divides them, and that noise does not."""

from itertools import pairwise

import numpy as np
import pytest
from clbench.results.metrics import average
from clbench.results.statistics.pairs import metric_weights
from clbench.results.statistics.rankgroups import holm, rank_groups
from clbench.results.statistics.trials import Trial
from hypothesis import given, settings
from hypothesis import strategies as st

TASKS = ("t0", "t1")
WEIGHTS = metric_weights(average, 2)


def method(level, *, noise=0.2, seeds=3, rng=None):
    rng = rng or np.random.default_rng(int(10 * level))
    return [Trial(s, TASKS, level + noise * rng.normal(size=(2, 2))) for s in range(seeds)]


def with_images(rng, skill, *, difficulty, seeds=3):
    found = []
    for seed in range(seeds):
        right = tuple(d + skill + rng.normal(0, 0.3, (2, len(d))) > 0 for d in difficulty)
        matrix = 100 * np.stack([r.mean(axis=1) for r in right], axis=1)
        found.append(
            Trial(seed, TASKS, matrix, right, tuple(np.zeros(len(d), dtype=int) for d in difficulty))
        )
    return found


def test_holm_by_hand():
    # Sorted: 0.01·4, 0.02·3, 0.03·2, 0.04·1, none smaller than the one before.
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
@settings(max_examples=40, deadline=None)
def test_holm_lies_between_no_correction_and_bonferronis(p):
    adjusted = holm(p)
    for raw, found in zip(p, adjusted, strict=True):
        assert raw <= found + 1e-12
        assert found <= min(1.0, len(p) * raw) + 1e-12 or max(p) > raw
    assert min(adjusted) == pytest.approx(min(1.0, len(p) * min(p)))
    by_size = np.argsort(p)
    assert all(adjusted[a] <= adjusted[b] for a, b in pairwise(by_size))


def test_clear_differences_divide_and_small_ones_do_not():
    levels = (80, 79.9, 60, 59.9, 40)
    assert rank_groups([method(x, noise=0.1) for x in levels], WEIGHTS) == [1, 1, 2, 2, 3]
    assert rank_groups([method(x, noise=15) for x in levels[:3]], WEIGHTS) == [1, 1, 1]


def test_fewer_than_three_seeds_get_no_group_and_do_not_lead():
    found = rank_groups([method(90, seeds=1), method(80), method(79.9), method(20, seeds=2)], WEIGHTS)
    assert found == [None, 1, 1, None]
    assert rank_groups([method(90, seeds=2)], WEIGHTS) == [None]
    assert rank_groups([], WEIGHTS) == []


@given(st.lists(st.floats(20, 90), min_size=1, max_size=6), st.floats(0.01, 10))
@settings(max_examples=30, deadline=None)
def test_numbers_never_fall_nor_skip(levels, noise):
    rng = np.random.default_rng(0)
    methods = [method(x, noise=noise, rng=rng) for x in levels]
    methods.sort(key=lambda runs: -np.mean([average(t.matrix) for t in runs]))
    groups = rank_groups(methods, WEIGHTS)
    assert groups[0] == 1
    assert all(b - a in (0, 1) for a, b in pairwise(groups))


def test_test_images_are_chance_too():
    """Methods whose seeds agree closely, but which few test images cannot tell apart."""
    rng = np.random.default_rng(0)
    few = [rng.normal(0, 1, 40) for _ in TASKS]
    many = [rng.normal(0, 1, 20_000) for _ in TASKS]
    for difficulty, expected in ((few, [1, 1]), (many, [1, 2])):
        runs = [with_images(rng, skill, difficulty=difficulty) for skill in (0.25, 0.15)]
        runs.sort(key=lambda each: -np.mean([average(t.matrix) for t in each]))
        assert rank_groups(runs, WEIGHTS) == expected


def test_equal_methods_are_rarely_divided():
    rng = np.random.default_rng(1)
    divided = 0
    for _ in range(200):
        methods = [[Trial(s, TASKS, 50 + rng.normal(size=(2, 2))) for s in range(3)] for _ in range(6)]
        methods.sort(key=lambda runs: -np.mean([average(t.matrix) for t in runs]))
        divided += max(rank_groups(methods, WEIGHTS)) > 1
    # Being the best of six is itself chance, which no correction of the comparisons below it undoes.
    assert divided / 200 < 0.12
