"""Kernel ridge regression that grows task by task is the one on all data at once."""

from __future__ import annotations

import math

import torch
from clbench_rail.kernel import KernelRidge, rbf_kernel
from hypothesis import given
from hypothesis import strategies as st


def plain_kernel(x: torch.Tensor, y: torch.Tensor, gamma: float) -> torch.Tensor:
    rows = [
        [math.exp(-gamma * sum((float(p) - float(q)) ** 2 for p, q in zip(a, b, strict=True))) for b in y]
        for a in x
    ]
    return torch.tensor(rows, dtype=torch.float64)


def unit(seed: int, rows: int, width: int = 6) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(rows, width, generator=random), dim=-1)


def test_kernel_against_its_formula():
    x, y = unit(0, 5).double(), unit(1, 7).double()
    torch.testing.assert_close(rbf_kernel(x, y, 0.3), plain_kernel(x, y, 0.3), rtol=0, atol=1e-14)
    assert torch.equal(rbf_kernel(x, x, 0.3).diagonal() <= 1.0, torch.ones(5, dtype=torch.bool))


@given(
    seed=st.integers(0, 2**31),
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=4),
    ridge=st.sampled_from([1e-3, 0.1, 1.0]),
    gamma=st.sampled_from([0.1, 1.0, 5.0]),
)
def test_tasks_one_by_one_are_all_data_at_once(seed, sizes, ridge, gamma):
    adapter, features, columns = KernelRidge(6, ridge, gamma), [], []
    for task, rows in enumerate(sizes):
        features.append(unit(seed + task, rows))
        columns.append(torch.arange(rows) % 2 + 2 * task)
        adapter.update(features[-1], columns[-1], 2 * task + 2)
    X, chosen = torch.cat(features).double(), torch.cat(columns)
    classes = 2 * len(sizes)
    Y = torch.zeros(len(X), classes, dtype=torch.float64)
    for row, column in enumerate(chosen.tolist()):
        Y[row, column] = 1.0
    alpha = torch.linalg.inv(plain_kernel(X, X, gamma) + ridge * torch.eye(len(X), dtype=torch.float64)) @ Y
    torch.testing.assert_close(adapter.alpha, alpha, rtol=0, atol=1e-9 / ridge)
    probe = unit(seed + 99, 4)
    torch.testing.assert_close(
        adapter.predict(probe), plain_kernel(probe.double(), X, gamma) @ alpha, rtol=0, atol=1e-9 / ridge
    )


def test_a_small_ridge_interpolates_the_training_labels():
    adapter = KernelRidge(6, 1e-9, 5.0)
    X, columns = unit(0, 20), torch.arange(20) % 4
    adapter.update(X[:12], columns[:12], 4)
    adapter.update(X[12:], columns[12:], 4)
    outputs = adapter.predict(X)
    torch.testing.assert_close(outputs, torch.nn.functional.one_hot(columns, 4).double(), rtol=0, atol=1e-5)


def test_learning_goes_on_bit_for_bit_after_loading():
    one, other = KernelRidge(6, 0.01, 0.5), KernelRidge(6, 0.01, 0.5)
    for task in range(3):
        one.update(unit(task, 9), torch.arange(9) % 3 + 3 * task, 3 * task + 3)
    other.load_state_dict(one.state_dict())
    for adapter in (one, other):
        adapter.update(unit(7, 5), torch.arange(5), 9)
    assert len(one) == len(other) == 32
    assert torch.equal(one.alpha, other.alpha)
    assert torch.equal(one.predict(unit(8, 4)), other.predict(unit(8, 4)))


def test_what_is_kept_grows_with_the_images_and_not_with_their_square():
    adapter = KernelRidge(6, 0.01, 0.5)
    adapter.update(unit(0, 40), torch.arange(40) % 2, 2)
    state = adapter.state_dict()
    kept = sum(part.numel() for part in state["features"]) + state["columns"].numel() + state["alpha"].numel()
    assert kept == 40 * 6 + 40 + 40 * 2
