"""Recursive ridge regression is the regression on all data at once; the hidden layer is what it says."""

from __future__ import annotations

import math

import pytest
import torch
from clbench_rail.ridge import RandomHiddenLayer, RecursiveRidge, one_hot
from hypothesis import given
from hypothesis import strategies as st


def joint(X: torch.Tensor, columns: torch.Tensor, classes: int, ridge: float) -> torch.Tensor:
    """(XᵀX + λI)⁻¹ XᵀY, by an eigenvalue decomposition: nothing in common with the recursion."""
    Y = torch.zeros(len(X), classes, dtype=torch.float64)
    for row, column in enumerate(columns.tolist()):
        Y[row, column] = 1.0
    values, vectors = torch.linalg.eigh(X.T @ X)
    return vectors @ ((vectors.T @ (X.T @ Y)) / (values + ridge)[:, None])


def data(seed: int, rows: int, width: int, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    X = torch.randn(rows, width, generator=random, dtype=torch.float64)
    return X, torch.randint(0, classes, (rows,), generator=random)


@given(
    seed=st.integers(0, 2**31),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    width=st.integers(1, 30),
    block=st.integers(1, 50),
    ridge=st.sampled_from([1e-3, 0.1, 1.0, 30.0]),
)
def test_tasks_one_by_one_are_all_data_at_once(seed, sizes, width, block, ridge):
    adapter, parts, seen = RecursiveRidge(width, ridge), [], 0
    for task, rows in enumerate(sizes):
        X, columns = data(seed + task, rows, width, 3)
        columns += seen  # each task has classes of its own
        seen += 3
        parts.append((X, columns))
        adapter.update(X, columns, seen, block=block)
    X, columns = (torch.cat(part) for part in zip(*parts, strict=True))
    wanted = joint(X, columns, seen, ridge)
    torch.testing.assert_close(adapter.W, wanted, rtol=0, atol=1e-8 * max(1.0, 1 / ridge))
    R = torch.linalg.inv(X.T @ X + ridge * torch.eye(width, dtype=torch.float64))
    torch.testing.assert_close(adapter.R, R, rtol=0, atol=1e-8 * max(1.0, 1 / ridge))


def test_more_rows_than_the_layer_is_wide_and_fewer():
    for rows in (5, 400):
        X, columns = data(1, rows, 60, 4)
        adapter = RecursiveRidge(60, 0.1)
        adapter.update(X, columns, 4)
        torch.testing.assert_close(adapter.W, joint(X, columns, 4, 0.1), rtol=0, atol=1e-10)


def test_classes_may_come_again():
    X, columns = data(3, 50, 8, 4)
    adapter = RecursiveRidge(8, 0.5)
    for start in range(0, 50, 10):
        adapter.update(X[start : start + 10], columns[start : start + 10], 4)
    torch.testing.assert_close(adapter.W, joint(X, columns, 4, 0.5), rtol=0, atol=1e-12)


def test_ill_conditioned_features_stay_exact():
    """Rectified features are far from orthogonal: their Gram matrix has eigenvalues over many decades."""
    random = torch.Generator().manual_seed(0)
    features = torch.nn.functional.normalize(torch.randn(300, 16, generator=random), dim=-1)
    X = RandomHiddenLayer(16, 200, random)(features)
    columns = torch.arange(300) % 10
    adapter = RecursiveRidge(200, 0.1)
    for rows, chosen in zip(torch.split(X, 60), torch.split(columns, 60), strict=True):
        adapter.update(rows, chosen, 10, block=16)
    torch.testing.assert_close(adapter.W, joint(X, columns, 10, 0.1), rtol=0, atol=1e-9)
    assert torch.equal(adapter.R, adapter.R.T) or float((adapter.R - adapter.R.T).abs().max()) < 1e-12


def test_no_ridge_solution_has_a_smaller_objective():
    X, columns = data(5, 40, 6, 3)
    adapter = RecursiveRidge(6, 0.7)
    adapter.update(X, columns, 3)
    Y = one_hot(columns, 3)

    def objective(W: torch.Tensor) -> float:
        return float((Y - X @ W).square().sum() + 0.7 * W.square().sum())

    best = objective(adapter.W)
    for seed in range(10):
        nudge = torch.randn(6, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        assert objective(adapter.W + 1e-3 * nudge) > best


def test_state_round_trip():
    X, columns = data(7, 30, 5, 2)
    one, other = RecursiveRidge(5, 0.1), RecursiveRidge(5, 0.1)
    one.update(X[:20], columns[:20], 2)
    other.load_state_dict(one.state_dict())
    for adapter in (one, other):
        adapter.update(X[20:], columns[20:], 2)
    assert torch.equal(one.W, other.W)
    assert torch.equal(one.predict(X), other.predict(X))


def test_hidden_layer_is_fixed_uniform_and_rectified():
    layer = RandomHiddenLayer(16, 4000, torch.Generator().manual_seed(0))
    again = RandomHiddenLayer(16, 4000, torch.Generator().manual_seed(0))
    other = RandomHiddenLayer(16, 4000, torch.Generator().manual_seed(1))
    assert torch.equal(layer.weight, again.weight)
    assert not torch.equal(layer.weight, other.weight)
    bound = 1 / math.sqrt(16)
    assert float(layer.weight.abs().max()) <= bound
    assert float(layer.weight.std()) == pytest.approx(bound / math.sqrt(3), rel=0.01)
    x = torch.randn(3, 16, generator=torch.Generator().manual_seed(2))
    wanted = [
        [
            max(0.0, sum(float(v) * float(f) for v, f in zip(row, one, strict=True)))
            for row in layer.weight[:20]
        ]
        for one in x
    ]
    torch.testing.assert_close(layer(x)[:, :20], torch.tensor(wanted, dtype=torch.float64))
    assert layer(x).dtype == torch.float64
