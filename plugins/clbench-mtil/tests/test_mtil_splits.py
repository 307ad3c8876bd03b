"""The rules of division, against the indices that the authors' code gives."""

from __future__ import annotations

import pytest
from clbench_mtil.splits import eighty_twenty, fifth_per_class
from hypothesis import given
from hypothesis import strategies as st

LABELS = st.lists(st.integers(0, 6), min_size=1, max_size=120)


@pytest.mark.parametrize(
    ("n", "train", "test"),
    [
        (8677, [8512, 5748, 7753, 4345, 5587], [6301, 3455, 7205, 1185, 140]),
        (27000, [4542, 1781, 1366, 19963, 16858], [5805, 24544, 2869, 1454, 13510]),
        (108754, [57128, 82947, 84286, 54173, 36280], [8201, 36443, 50546, 49923, 86802]),
    ],
)
def test_first_indices_are_those_of_the_authors_code(n, train, test):
    found = eighty_twenty(n)
    assert found[0][:5] == train
    assert found[1][:5] == test
    assert len(found[0]) == int(0.8 * n)
    assert sorted(found[0] + found[1]) == list(range(n))


@given(LABELS, st.integers(0, 5))
def test_a_fifth_of_each_class_is_held_out(labels, seed):
    train, held_out = fifth_per_class(labels, seed)
    assert sorted(train + held_out) == list(range(len(labels)))
    for label in set(labels):
        found = sum(labels[i] == label for i in held_out)
        assert found == round(0.2 * labels.count(label))


def test_the_fifth_of_mnist_is_twelve_thousand():
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    labels = [label for label, count in enumerate(counts) for _ in range(count)]
    train, held_out = fifth_per_class(labels, 1)
    assert (len(train), len(held_out)) == (48_000, 12_000)
