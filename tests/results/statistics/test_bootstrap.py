"""The bootstrap over test images: held to scipy's, to closed forms, and to its promise."""

import numpy as np
import pytest
from clbench.results.statistics.bootstrap import bca_interval, resampled_means
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

STEPS = st.sampled_from([-100.0, -50.0, 0.0, 50.0, 100.0])
strata = st.lists(arrays(np.float64, st.integers(2, 30), elements=STEPS), min_size=1, max_size=4)


def draw(rng, sizes, levels=5):
    return [100 * rng.integers(-levels, levels + 1, size=n) / levels for n in sizes]


@pytest.mark.parametrize("sizes", [(40,), (40, 60, 90)])
def test_the_interval_is_that_of_scipy(sizes):
    x = draw(np.random.default_rng(3), sizes)
    found = bca_interval(x, resamples=40_000)
    expected = stats.bootstrap(
        tuple(x),
        lambda *samples, axis: sum(np.mean(s, axis=axis) for s in samples),
        n_resamples=20_000,
        method="BCa",
        rng=np.random.default_rng(0),
    ).confidence_interval
    width = expected.high - expected.low
    assert found == pytest.approx((expected.low, expected.high), abs=0.02 * width)


def test_skewed_values_move_the_interval_as_scipy_says():
    x = np.r_[np.zeros(45), 100.0, 100.0, 100.0]
    found = bca_interval([x], resamples=40_000)
    expected = stats.bootstrap(
        (x,), np.mean, n_resamples=20_000, method="BCa", rng=np.random.default_rng(0)
    ).confidence_interval
    assert found == pytest.approx((expected.low, expected.high), abs=0.6)
    middle = x.mean()
    assert found[1] - middle > middle - found[0]  # the longer tail is on the right


def test_distinct_values_are_drawn_as_often_as_values_would_be():
    rng = np.random.default_rng(0)
    x = draw(rng, (200,))[0]
    means = resampled_means(x, resamples=20_000, rng=rng)
    one_by_one = x[rng.integers(0, len(x), (20_000, len(x)))].mean(axis=1)
    assert means.mean() == pytest.approx(x.mean(), abs=4 * x.std() / np.sqrt(len(x) * 20_000))
    assert means.std() == pytest.approx(x.std() / np.sqrt(len(x)), rel=0.03)
    assert stats.ks_2samp(means, one_by_one).pvalue > 1e-3


def test_many_distinct_values_are_drawn_in_pieces(monkeypatch):
    x = np.random.default_rng(0).normal(size=500)
    whole = resampled_means(x, resamples=300, rng=np.random.default_rng(1))
    monkeypatch.setattr("clbench.results.statistics.bootstrap._AT_ONCE", 5_000)
    pieces = resampled_means(x, resamples=300, rng=np.random.default_rng(1))
    assert np.allclose(whole, pieces)


@given(strata, st.integers(0, 5))
@settings(max_examples=30, deadline=None)
def test_laws(x, seed):
    low, high = bca_interval(x, resamples=400, seed=seed)
    figure = sum(s.mean() for s in x)
    assert low <= figure + 1e-9
    assert figure <= high + 1e-9
    assert (low, high) == bca_interval(x, resamples=400, seed=seed)
    if abs(figure) > 1e-6:
        assert bca_interval([-s for s in x], resamples=400, seed=seed) == (-high, -low)
    doubled = bca_interval([2 * s for s in x], resamples=400, seed=seed)
    assert doubled == pytest.approx((2 * low, 2 * high), abs=1e-6)


def test_where_all_images_agree_there_is_no_chance():
    assert bca_interval([np.full(30, 5.0), np.zeros(10)]) == (5.0, 5.0)


def test_it_covers_the_figure_of_the_population_as_often_as_it_says():
    rng = np.random.default_rng(0)
    values, shares = np.array([-100.0, 0.0, 100.0]), [(0.05, 0.8, 0.15), (0.1, 0.6, 0.3)]
    truth = sum(values @ np.array(share) for share in shares)
    covered = 0
    for trial in range(400):
        x = [rng.choice(values, p=share, size=120) for share in shares]
        low, high = bca_interval(x, resamples=600, seed=trial)
        covered += low <= truth <= high
    # 400 trials: two standard errors of the share are 2.2 points.
    assert covered / 400 == pytest.approx(0.95, abs=0.025)
