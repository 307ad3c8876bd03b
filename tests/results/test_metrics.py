import csv
import math
from pathlib import Path

import clbench
import numpy as np
import pandas as pd
import pytest
from clbench.errors import ClbenchError
from clbench.results import metrics as m
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

PUBLISHED = Path(__file__).parents[2] / "leaderboards/published/matrices"
INDEX = list(csv.DictReader((PUBLISHED / "index.csv").open()))


def square(elements=None):
    percent = elements or st.floats(0, 100, allow_nan=False)
    return st.integers(2, 7).flatmap(lambda t: arrays(np.float64, (t, t), elements=percent))


@pytest.mark.parametrize("entry", INDEX, ids=lambda e: e["method"])
def test_published_matrices_give_the_printed_values(entry):
    A = pd.read_csv(PUBLISHED / entry["file"], index_col=0)
    assert len(A) == int(entry["T"])
    for name in ("transfer", "average", "last"):
        value = m.METRICS[name](A)
        assert round(value, 4) == pytest.approx(float(entry[f"computed_{name}"]), abs=1.01e-4)
        assert f"{value:.1f}" == entry[f"printed_{name}"]


def test_every_published_matrix_is_in_the_index():
    assert len(INDEX) == 8
    assert {e["file"] for e in INDEX} | {"index.csv"} == {p.name for p in PUBLISHED.iterdir()}


def test_hand_computed_example():
    A = [[80, 40, 10], [70, 90, 30], [60, 85, 95]]
    assert m.transfer(A) == pytest.approx((40 + (10 + 30) / 2) / 2)  # column means first, not 80/3
    assert m.average(A) == pytest.approx((70 + 215 / 3 + 45) / 3)
    assert m.last(A) == pytest.approx(80)
    assert m.forgetting(A) == pytest.approx((-20 - 5 + 0) / 2)
    assert m.average_per_task(A) == pytest.approx([70, 215 / 3, 45])
    assert m.last_per_task(A) == pytest.approx([60, 85, 95])
    assert m.forgetting_per_task(A) == pytest.approx([-20, -5, 0])
    per_task = m.transfer_per_task(A)
    assert math.isnan(per_task[0])
    assert per_task[1:] == pytest.approx([40, 20])
    assert m.compute_all(A) == {name: f(A) for name, f in m.METRICS.items()}
    assert list(m.METRICS) == ["transfer", "average", "last", "forgetting"]


def test_exported_at_the_top():
    assert all(getattr(clbench.metrics, name) is getattr(m, name) for name in m.__all__)


def test_results_are_plain_unrounded_floats():
    A = np.array([[1, 2], [3, 4]], dtype=np.int32) / np.float32(3)
    for metric in m.METRICS.values():
        assert type(metric(A)) is float
    assert m.last(A) != round(m.last(A), 4)


@given(square(), st.floats(0.01, 100), st.floats(-50, 50))
@settings(max_examples=30, deadline=None)
def test_affine_equivariance(A, scale, shift):
    for name in ("transfer", "average", "last"):
        assert m.METRICS[name](scale * A + shift) == pytest.approx(
            scale * m.METRICS[name](A) + shift, rel=1e-9, abs=1e-7
        )
    assert m.forgetting(scale * A + shift) == pytest.approx(scale * m.forgetting(A), rel=1e-9, abs=1e-7)


@given(square(), st.data())
@settings(max_examples=30, deadline=None)
def test_metrics_see_only_the_entries_they_need(A, data):
    t = len(A)
    noise = data.draw(arrays(np.float64, (t, t), elements=st.floats(0, 100)))
    lower = np.tril(np.ones((t, t), dtype=bool))
    assert m.transfer(np.where(lower, noise, A)) == m.transfer(A)
    assert m.transfer(np.where(lower, np.nan, A)) == m.transfer(A)
    not_last = np.arange(t)[:, None] < t - 1
    assert m.last(np.where(not_last & np.ones((t, t), dtype=bool), np.nan, A)) == m.last(A)
    strict_upper = np.triu(np.ones((t, t), dtype=bool), 1)
    assert m.forgetting(np.where(strict_upper, np.nan, A)) == m.forgetting(A)


@given(square(), st.randoms())
@settings(max_examples=30, deadline=None)
def test_average_does_not_depend_on_the_order_of_tasks(A, random):
    order = list(range(len(A)))
    random.shuffle(order)
    assert m.average(A[np.ix_(order, order)]) == pytest.approx(m.average(A))
    assert m.average(A) == pytest.approx(A.mean())


@given(st.lists(st.floats(0, 100), min_size=2, max_size=8))
@settings(max_examples=30, deadline=None)
def test_a_model_that_never_changes(row):
    A = [row] * len(row)
    assert m.transfer(A) == pytest.approx(np.mean(row[1:]))
    assert m.average(A) == pytest.approx(np.mean(row))
    assert m.last(A) == pytest.approx(np.mean(row))
    assert m.forgetting(A) == pytest.approx(0, abs=1e-9)


@given(square())
@settings(max_examples=30, deadline=None)
def test_all_kinds_of_arrays_agree(A):
    expected = m.compute_all(A)
    assert m.compute_all(A.tolist()) == expected
    assert m.compute_all(pd.DataFrame(A)) == expected
    assert m.compute_all(pd.DataFrame(A).convert_dtypes()) == expected
    assert m.compute_all(A.astype(object)) == expected
    assert m.compute_all(np.asfortranarray(A)) == pytest.approx(expected)


def test_tensors():
    torch = pytest.importorskip("torch")
    A = [[80.0, 40.5], [70.25, 90.0]]
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        assert m.last(torch.tensor(A, dtype=dtype, requires_grad=True)) == pytest.approx(80.125, rel=1e-2)


@pytest.mark.parametrize(
    ("A", "words"),
    [
        ([[1, 2, 3], [4, 5, 6]], "square"),
        ([1, 2], "square"),
        (np.zeros((2, 2, 2)), "square"),
        ([[1]], "2×2"),
        (np.zeros((0, 0)), "2×2"),
        ([[1, 2], [3]], "numbers"),
        ([["a", "b"], ["c", "d"]], "numbers"),
        ([["1", "2"], ["3", "4"]], "numbers"),
        ([[1j, 2], [3, 4]], "numbers"),
        ([[True, False], [False, True]], "numbers"),
        (None, "square"),
        (pd.DataFrame({"after": ["x", "y"], "a": [1.0, 2.0]}), "numbers"),
    ],
)
@pytest.mark.parametrize("metric", [*m.METRICS.values(), m.transfer_per_task, m.last_per_task])
def test_what_is_no_matrix_is_refused(A, words, metric):
    with pytest.raises(m.MatrixError, match=words) as caught:
        metric(A)
    assert isinstance(caught.value, ClbenchError)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("missing", [math.nan, None, math.inf, pd.NA])
@pytest.mark.parametrize(("name", "where"), [("transfer", (0, 1)), ("average", (1, 0)), ("last", (2, 0))])
def test_a_missing_value_is_named(missing, name, where):
    A = pd.DataFrame([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]).astype(object)
    A.iloc[where] = missing
    with pytest.raises(m.MatrixError, match=rf"{name.title()}.*A\[{where[0]}, {where[1]}\]"):
        m.METRICS[name](A)


def test_the_argument_is_left_as_it_was():
    A = np.arange(9.0).reshape(3, 3)
    m.last_per_task(A)[0] = -1
    m.compute_all(A)
    assert (np.arange(9.0).reshape(3, 3) == A).all()


def test_truth_values_are_no_accuracies():
    with pytest.raises(m.MatrixError, match="not a matrix of numbers"):
        m.average([[True, 40.0], [50.0, 60.0]])
