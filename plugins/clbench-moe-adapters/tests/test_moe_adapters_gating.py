"""Noisy top-k gates against the formulas, written out in float64."""

from __future__ import annotations

import math

import pytest
import torch
from clbench_moe_adapters.gating import NOISE_FLOOR, imbalance, top_k_gates
from hypothesis import given
from hypothesis import strategies as st


def plain_gates(logits: list[list[float]], k: int) -> torch.Tensor:
    """Softmax over the k largest of each row, zero elsewhere, by hand."""
    rows = []
    for row in logits:
        best = sorted(range(len(row)), key=lambda e: -row[e])[:k]
        total = sum(math.exp(row[e]) for e in best)
        rows.append([math.exp(row[e]) / total if e in best else 0.0 for e in range(len(row))])
    return torch.tensor(rows, dtype=torch.float64)


def drawn(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(st.integers(1, 6), st.integers(1, 7), st.data())
def test_gates_are_a_softmax_over_the_largest_logits(batch, experts, data):
    k = data.draw(st.integers(1, experts))
    x, R = drawn(data.draw(st.integers(0, 99)), batch, 5), drawn(1, 5, experts)
    gates = top_k_gates(x, R, None, k)
    torch.testing.assert_close(gates, plain_gates((x @ R).tolist(), k))
    assert ((gates > 0).sum(dim=1) == k).all()
    torch.testing.assert_close(gates.sum(dim=1), torch.ones(batch, dtype=torch.float64))


def test_noise_has_the_spread_that_its_matrix_gives():
    x, R, N = drawn(0, 6, 5), drawn(1, 5, 8), drawn(2, 5, 8)
    torch.manual_seed(3)
    got = top_k_gates(x, R, N, 3)
    torch.manual_seed(3)
    normal = torch.randn(6, 8, dtype=torch.float64)
    spread = torch.log1p(torch.exp(x @ N)) + 0.01
    torch.testing.assert_close(got, plain_gates((x @ R + normal * spread).tolist(), 3))
    assert NOISE_FLOOR == 0.01


def test_both_matrices_learn_where_there_is_noise():
    x, R, N = drawn(0, 6, 5), drawn(1, 5, 8).requires_grad_(), drawn(2, 5, 8).requires_grad_()
    (top_k_gates(x, R, N, 2) * drawn(4, 6, 8)).sum().backward()
    assert R.grad is not None
    assert N.grad is not None
    assert float(R.grad.abs().sum()) > 0
    assert float(N.grad.abs().sum()) > 0


@pytest.mark.parametrize("k", [1, 2])
def test_untrained_routers_explore_all_experts(k):
    # Zero matrices: the logits are noise of spread ln 2 + 0.01 alone, so every expert gets its share.
    torch.manual_seed(0)
    gates = top_k_gates(torch.zeros(2000, 3), torch.zeros(3, 4), torch.zeros(3, 4), k)
    share = (gates > 0).double().mean(dim=0)
    torch.testing.assert_close(share, torch.full_like(share, k / 4), atol=0.05, rtol=0)


def plain_imbalance(clean, noisy, spread, k):
    """Shazeer et al. 2017, Eqs. 6-10, entry by entry."""
    gates = plain_gates(noisy.tolist(), k)
    load = torch.zeros(noisy.shape[1], dtype=torch.float64)
    for i, row in enumerate(noisy.tolist()):
        for e, value in enumerate(row):
            others = sorted((v for j, v in enumerate(row) if j != e), reverse=True)
            z = float((clean[i, e] - others[k - 1]) / spread[i, e])
            load[e] += 0.5 * (1 + math.erf(z / math.sqrt(2)))
            assert (value > others[k - 1]) == bool(gates[i, e] > 0)
    return sum(float(x.var() / x.mean() ** 2) for x in (gates.sum(0), load))


@pytest.mark.parametrize("k", [1, 3])
def test_imbalance_is_shazeers_and_its_gates_are_the_usual_ones(k):
    x, R, N = drawn(0, 6, 5), drawn(1, 5, 8).requires_grad_(), drawn(2, 5, 8)
    torch.manual_seed(3)
    gates, found = imbalance(x, R, N, k)
    torch.manual_seed(3)
    assert torch.equal(gates, top_k_gates(x, R, N, k))
    torch.manual_seed(3)
    spread = torch.log1p(torch.exp(x @ N)) + 0.01
    noisy = x @ R + torch.randn(6, 8, dtype=torch.float64) * spread
    assert float(found) == pytest.approx(
        plain_imbalance((x @ R).detach(), noisy.detach(), spread, k), rel=1e-5
    )
    found.backward()
    assert float(R.grad.abs().sum()) > 0


def test_evenly_burdened_experts_have_no_imbalance():
    x, zero = torch.ones(4, 2), torch.zeros(2, 3)
    gates, found = imbalance(x, zero, zero, 3)
    assert float(found) >= 0
    assert torch.equal((gates > 0).sum(0), torch.full((3,), 4))
    assert float(imbalance(x, zero[:, :1], zero[:, :1], 1)[1]) == 0
