"""TaskGaussian against torch.distributions, and what must not change a density."""

from __future__ import annotations

import math
import warnings

import pytest
import torch
from clbench import MethodError
from clbench_diki.gaussian import TaskGaussian, calibration_weight
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import MultivariateNormal

shapes = {"width": st.integers(1, 6), "extra": st.integers(2, 20), "seed": st.integers(0, 2**16)}


def drawn(width: int, extra: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Generator]:
    """Features to fit (more than width), features to ask about, and a generator for the rest."""
    random = torch.Generator().manual_seed(seed)
    mixing = torch.randn(width, width, generator=random, dtype=torch.float64) + 2 * torch.eye(width).double()
    x = torch.randn(2 * width + extra, width, generator=random, dtype=torch.float64) @ mixing
    y = torch.randn(5, width, generator=random, dtype=torch.float64)
    return x, y, random


@settings(max_examples=30, deadline=None)
@given(**shapes)
def test_density_is_that_of_torch(width, extra, seed):
    x, y, _ = drawn(width, extra, seed)
    covariance = torch.cov(x.T).reshape(width, width) + 1e-7 * torch.eye(width).double()
    expected = MultivariateNormal(x.mean(0), covariance).log_prob(y)
    gaussian = TaskGaussian().fit(x)
    torch.testing.assert_close(gaussian.log_prob(y), expected)
    torch.testing.assert_close(gaussian.covariance, covariance)
    torch.testing.assert_close(gaussian.mean, x.mean(0))


@settings(max_examples=30, deadline=None)
@given(**shapes)
def test_translation_and_rotation_of_everything_change_nothing(width, extra, seed):
    x, y, random = drawn(width, extra, seed)
    shift = torch.randn(width, generator=random, dtype=torch.float64)
    turn, _ = torch.linalg.qr(torch.randn(width, width, generator=random, dtype=torch.float64))
    before = TaskGaussian().fit(x).log_prob(y)
    torch.testing.assert_close(
        TaskGaussian().fit(x + shift).log_prob(y + shift), before, rtol=1e-6, atol=1e-6
    )
    torch.testing.assert_close(TaskGaussian().fit(x @ turn).log_prob(y @ turn), before, rtol=1e-6, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(factor=st.floats(0.1, 10), **shapes)
def test_scaling_shifts_densities_by_the_volume(factor, width, extra, seed):
    x, y, _ = drawn(width, extra, seed)
    before = TaskGaussian(jitter=0.0).fit(x).log_prob(y)
    after = TaskGaussian(jitter=0.0).fit(factor * x).log_prob(factor * y)
    torch.testing.assert_close(after, before - width * math.log(factor), rtol=1e-6, atol=1e-6)


def test_one_dimension_by_hand():
    # Mean 2, variance ((1 + 0 + 1) / 2) = 1; density at 3 is -1/2 - ln(2π)/2.
    gaussian = TaskGaussian(jitter=0.0).fit(torch.tensor([[1.0], [2.0], [3.0]]))
    density = gaussian.log_prob(torch.tensor([[3.0]]))
    assert density.dtype == torch.float32
    assert float(density) == pytest.approx(-0.5 - 0.5 * math.log(2 * math.pi))


@pytest.mark.parametrize(("score_scale", "scale"), [("authors", 512.0), ("dimension", 3.0), (100.0, 100.0)])
def test_weight_is_a_sigmoid_of_the_scaled_density(score_scale, scale):
    gaussian = TaskGaussian(score_scale=score_scale).fit(torch.randn(9, 3))
    density = torch.tensor([-1e6, 0.0, scale, 3 * scale, 1e6])
    expected = [0.0, 1 / (1 + math.e), 0.5, 1 / (1 + math.exp(-2)), 1.0]
    assert gaussian.weight(density).tolist() == pytest.approx(expected, abs=1e-6)
    assert calibration_weight(torch.tensor(512.0)) == 0.5


@settings(max_examples=30, deadline=None)
@given(low=st.floats(-1e5, 1e5), gap=st.floats(0, 1e5), scale=st.floats(1, 1000))
def test_weights_grow_with_density_and_stay_between_0_and_1(low, gap, scale):
    small, large = calibration_weight(torch.tensor([low, low + gap]).double(), scale).tolist()
    assert 0 <= small <= large <= 1


def test_too_few_images_are_warned_about_and_enough_are_not():
    with pytest.warns(UserWarning, match="4 dimensions to 4 images"):
        few = TaskGaussian().fit(torch.randn(4, 4))
    assert torch.isfinite(few.log_prob(torch.randn(3, 4))).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TaskGaussian().fit(torch.randn(5, 4))


@pytest.mark.parametrize(
    "features",
    [torch.zeros(1, 3), torch.zeros(4), torch.tensor([[0.0, math.nan], [1.0, 2.0]])],
    ids=["one row", "one axis", "nan"],
)
def test_features_that_have_no_covariance(features):
    with pytest.raises(MethodError, match="cannot be fitted"):
        TaskGaussian().fit(features)


def test_no_jitter_on_a_singular_covariance():
    with pytest.raises(MethodError, match="jitter"):
        TaskGaussian(jitter=0.0).fit(torch.ones(10, 2))


def test_misuse_is_named():
    with pytest.raises(MethodError, match="not been fitted"):
        TaskGaussian().log_prob(torch.zeros(1, 2))
    with pytest.raises(MethodError, match="3 dimensions"):
        TaskGaussian().fit(torch.randn(9, 3)).log_prob(torch.zeros(1, 2))


def test_state_round_trip_is_bit_equal():
    x, y = torch.randn(20, 4), torch.randn(6, 4)
    fitted, restored = TaskGaussian().fit(x), TaskGaussian()
    restored.load_state_dict(fitted.state_dict())
    assert torch.equal(fitted.log_prob(y), restored.log_prob(y))
