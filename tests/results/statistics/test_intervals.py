import pytest
from clbench.results import mean_interval
from hypothesis import given, settings
from hypothesis import strategies as st

values = st.lists(st.floats(0, 100), min_size=2, max_size=8)


def test_textbook_interval():
    # t(0.975, 2) = 4.30265, s = 1, n = 3
    interval = mean_interval([1.0, 2.0, 3.0])
    assert interval.mean == 2
    assert interval.half_width == pytest.approx(4.30265 / 3**0.5, rel=1e-5)
    assert interval.n == 3
    assert (interval.low, interval.high) == pytest.approx((2 - interval.half_width, 2 + interval.half_width))
    # t(0.95, 4) = 2.13185
    assert mean_interval([1, 2, 3, 4, 5], level=0.9).half_width == pytest.approx(2.13185 * 0.5**0.5, rel=1e-5)


def test_one_value_has_no_spread():
    interval = mean_interval([4.5])
    assert (interval.mean, interval.half_width, interval.low, interval.high) == (4.5, None, None, None)


@given(values, st.floats(-50, 50), st.floats(0.1, 10))
@settings(max_examples=30, deadline=None)
def test_equivariance(xs, shift, scale):
    a, b = mean_interval(xs), mean_interval([scale * x + shift for x in xs])
    assert b.mean == pytest.approx(scale * a.mean + shift, abs=1e-6)
    assert b.half_width == pytest.approx(scale * a.half_width, abs=1e-6)


@given(values)
@settings(max_examples=30, deadline=None)
def test_a_higher_level_is_wider(xs):
    assert mean_interval(xs, level=0.99).half_width >= mean_interval(xs, level=0.9).half_width


@pytest.mark.parametrize(
    ("xs", "level", "words"), [([], 0.95, "no values"), ([1, 2], 0, "level"), ([1, 2], 1, "level")]
)
def test_bad_input(xs, level, words):
    with pytest.raises(ValueError, match=words):
        mean_interval(xs, level=level)
