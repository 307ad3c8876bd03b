"""The alignment loss against its formula in float64, and what must hold of it whatever the numbers."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from clbench_gmail.losses import alignment
from hypothesis import given, settings
from hypothesis import strategies as st


def unit(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(*shape, generator=generator, dtype=torch.float64), dim=-1)


def plain(g, r, temperature, classes=None, symmetric=False):
    """The formula, sum by sum."""
    n = len(g)
    classes = range(n) if classes is None else classes
    similarity = [[math.exp(float(g[i] @ r[j]) / temperature) for j in range(n)] for i in range(n)]

    def half(entry):
        total = 0.0
        for i in range(n):
            mates = [j for j in range(n) if classes[j] == classes[i]]
            below = sum(entry(i, j) for j in range(n))
            total -= sum(math.log(entry(i, j) / below) for j in mates) / len(mates)
        return total / n

    loss = half(lambda i, j: similarity[i][j])
    return (loss + half(lambda i, j: similarity[j][i])) / 2 if symmetric else loss


batches = st.integers(1, 6).flatmap(
    lambda n: st.tuples(
        st.integers(0, 10_000), st.lists(st.integers(0, 3), min_size=n, max_size=n), st.floats(0.05, 2.0)
    )
)


@given(batches, st.booleans(), st.booleans())
def test_it_is_the_formula(batch, shared, symmetric):
    seed, classes, temperature = batch
    g, r = unit(len(classes), 5, seed=seed), unit(len(classes), 5, seed=seed + 1)
    given_classes = classes if shared else None
    ours = alignment(g, r, temperature, classes=given_classes, symmetric=symmetric)
    assert ours.dtype == torch.float64
    assert float(ours) == pytest.approx(plain(g, r, temperature, given_classes, symmetric), abs=1e-9)


@settings(max_examples=30)
@given(batches)
def test_sharing_among_a_class_is_the_mean_over_all_pairings_within_classes(batch):
    seed, classes, temperature = batch
    g, r = unit(len(classes), 5, seed=seed), unit(len(classes), 5, seed=seed + 1)
    n = len(classes)
    within = [
        p for p in itertools.permutations(range(n)) if all(classes[p[i]] == classes[i] for i in range(n))
    ]
    mean = sum(float(alignment(g, r[list(p)], temperature)) for p in within) / len(within)
    assert float(alignment(g, r, temperature, classes=classes)) == pytest.approx(mean, abs=1e-9)


@given(batches)
def test_distinct_classes_are_pairs(batch):
    seed, classes, temperature = batch
    g, r = unit(len(classes), 5, seed=seed), unit(len(classes), 5, seed=seed + 1)
    shared = alignment(g, r, temperature, classes=torch.arange(len(classes)))
    torch.testing.assert_close(shared, alignment(g, r, temperature))


def test_the_gradient_is_the_formulas_and_goes_to_the_generated_images_alone():
    g, r = unit(6, 5).requires_grad_(), unit(6, 5, seed=1).requires_grad_()
    alignment(g, r, 0.1).backward()
    # d/dg of -log softmax: (p - I) r / (τ B)
    p = ((g @ r.T) / 0.1).softmax(1).detach()
    torch.testing.assert_close(g.grad, (p - torch.eye(6)) @ r.detach() / 0.1 / 6)
    assert r.grad is None


def test_aligned_pairs_cost_nothing_and_others_do():
    r = torch.eye(4)
    assert alignment(r, r, 0.01) < 1e-6
    assert alignment(r.roll(1, 0), r, 0.01) == pytest.approx(100.0)


def test_float32_at_least():
    g = unit(4, 5).to(torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert alignment(g, g).dtype == torch.float32


@pytest.mark.parametrize(
    ("shapes", "options"),
    [
        (((3, 4), (2, 4)), {}),
        (((3,), (3,)), {}),
        (((3, 4), (3, 4)), {"temperature": 0.0}),
        (((3, 4), (3, 4)), {"classes": [0, 1]}),
    ],
)
def test_what_does_not_fit_is_refused(shapes, options):
    with pytest.raises(ValueError, match=r"shape|positive|one each"):
        alignment(*(torch.ones(shape) for shape in shapes), **options)
