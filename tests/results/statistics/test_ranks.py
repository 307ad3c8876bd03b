"""Ranks and letters: what divides methods, and that noise does not."""

from itertools import combinations

import numpy as np
import pytest
from clbench.results.metrics import average
from clbench.results.statistics.pairs import metric_weights
from clbench.results.statistics.ranks import adjusted, letters, ranking
from clbench.results.statistics.trials import Trial
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

TASKS = ("t0", "t1")
WEIGHTS = metric_weights(average, 2)


def method(level, *, noise=0.2, seeds=3, rng=None):
    rng = rng or np.random.default_rng(int(10 * level))
    return [Trial(s, TASKS, level + noise * rng.normal(size=(2, 2))) for s in range(seeds)]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
@settings(max_examples=40, deadline=None)
def test_p_values_are_adjusted_as_scipy_adjusts_them(p):
    assert adjusted(p) == pytest.approx(stats.false_discovery_control(p))


def test_letters_by_hand():
    def told(*apart, count):
        matrix = np.zeros((count, count), dtype=bool)
        for i, j in apart:
            matrix[i, j] = matrix[j, i] = True
        return letters(matrix)

    assert told(count=0) == ()
    assert told(count=3) == ("a", "a", "a")
    assert told((0, 1), (0, 2), (1, 2), count=3) == ("a", "b", "c")
    assert told((0, 2), count=3) == ("a", "ab", "b")
    assert told((0, 2), (0, 3), (1, 3), count=4) == ("a", "ab", "bc", "c")


@given(st.integers(1, 9), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_rows_share_a_letter_exactly_where_they_are_not_separable(count, random):
    apart = np.zeros((count, count), dtype=bool)
    for i, j in combinations(range(count), 2):
        apart[i, j] = apart[j, i] = random.random() < 0.4
    found = letters(apart)
    assert all(found)
    for i, j in combinations(range(count), 2):
        assert bool(set(found[i]) & set(found[j])) != apart[i, j]


def test_clear_differences_divide_and_small_ones_do_not():
    found = ranking([method(x, noise=0.1) for x in (80, 79.9, 60, 59.9, 40)], WEIGHTS)
    assert found.ranks == ((1, 2), (1, 2), (3, 4), (3, 4), (5, 5))
    assert found.letters == ("a", "a", "b", "b", "c")
    noisy = ranking([method(x, noise=15) for x in (80, 79.9, 60)], WEIGHTS)
    assert noisy.ranks == ((1, 3),) * 3
    assert noisy.letters == ("a",) * 3


def test_the_order_given_does_not_matter_but_for_the_letters_names():
    methods = [method(x, noise=0.1) for x in (40, 80, 60)]
    assert ranking(methods, WEIGHTS).ranks == ((3, 3), (1, 1), (2, 2))
    assert ranking(methods, WEIGHTS, higher_is_better=False).ranks == ((1, 1), (3, 3), (2, 2))


def test_fewer_than_three_seeds_get_no_rank_and_take_none():
    found = ranking([method(90, seeds=1), method(80), method(20), method(10, seeds=2)], WEIGHTS)
    assert found.ranks == (None, (1, 1), (2, 2), None)
    assert found.letters == ("", "a", "b", "")
    assert not found.separable(0, 1)


def table(rng, levels, *, seeds, images):
    """Methods whose true Averages are equal where their levels are; noise of training differs among them."""
    difficulty = [rng.normal(size=images) for _ in TASKS]
    methods = []
    for level in levels:
        noise = rng.choice([0.02, 0.05, 0.2])
        taste = [rng.normal(0, 0.5, images) for _ in TASKS]
        shift = level * np.sqrt(1 + 0.5**2 + 0.2**2 + noise**2)
        trials = []
        for seed in range(seeds):
            luck = rng.normal(0, noise, 2)
            right = tuple(
                np.repeat(d[None] + t + shift + luck[j] + rng.normal(0, 0.2, images) > 0, 2, axis=0)
                for j, (d, t) in enumerate(zip(difficulty, taste, strict=True))
            )
            matrix = 100 * np.stack([r.mean(axis=1) for r in right], axis=1)
            trials.append(Trial(seed, TASKS, matrix, right, tuple(np.zeros(images, int) for _ in TASKS)))
        methods.append(trials)
    return methods


@pytest.mark.parametrize("levels", [(0, 0, 0, 0, 0), (0.6, 0.3, 0.3, 0, 0)])
def test_false_splits_are_few_and_ranks_hold_the_truth(levels):
    """A short form of tests/benchmarks/rank_errors.py."""
    rng = np.random.default_rng(0)
    shares, held = [], []
    for _ in range(60):
        found = ranking(table(rng, levels, seeds=3, images=150), WEIGHTS)
        told = [pair for pair in found.p if found.separable(*pair)]
        false = [(i, j) for i, j in told if levels[i] == levels[j]]
        shares.append(len(false) / max(len(told), 1))
        for n, level in enumerate(levels):
            best = 1 + sum(x > level for x in levels)
            worst = len(levels) - sum(x < level for x in levels)
            held.append(found.ranks[n][0] <= best and worst <= found.ranks[n][1])
    assert np.mean(shares) <= 0.05
    assert np.mean(held) >= 0.95
