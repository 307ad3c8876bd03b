"""The losses against plain numpy in double precision, autograd, and their invariants."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from clbench_clip_kd.losses import (
    Embeddings,
    contrastive_relational_distillation,
    cross_knowledge_distillation,
    feature_distillation,
    gradient_distillation,
    info_nce,
    info_nce_gradients,
    interactive_contrastive_learning,
)
from hypothesis import given, settings
from hypothesis import strategies as st

quick = settings(max_examples=20, deadline=None)
seeds = st.integers(0, 2**31 - 1)
sizes = st.tuples(st.integers(1, 6), st.integers(2, 5))
scales = st.floats(0.5, 30.0)


def units(seed: int, size: tuple[int, int]) -> np.ndarray:
    x = np.random.default_rng(seed).normal(size=size)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def pairs(seed: int, size: tuple[int, int]) -> Embeddings:
    return Embeddings(torch.from_numpy(units(seed, size)), torch.from_numpy(units(seed + 1, size)))


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def matched(logits: np.ndarray) -> float:
    """Cross-entropy with the identity as target."""
    return float(np.mean([-math.log(softmax(logits)[i, i]) for i in range(len(logits))]))


def divergence(teacher: np.ndarray, student: np.ndarray) -> float:
    p, q = softmax(teacher), softmax(student)
    return float((p * (np.log(p) - np.log(q))).sum(axis=1).mean())


def drawn(seed: int, size: tuple[int, int]):
    """Student and teacher as tensors, then U, V, A, B as arrays."""
    student, teacher = pairs(seed, size), pairs(seed + 2, size)
    return student, teacher, *(x.numpy() for x in (*student, *teacher))


@quick
@given(seeds, sizes, scales, scales)
def test_every_loss_is_its_formula(seed, size, s, s_t):
    student, teacher, U, V, A, B = drawn(seed, size)
    expected = {
        info_nce(student, s): (matched(s * U @ V.T) + matched(s * V @ U.T)) / 2,
        contrastive_relational_distillation(student, teacher, s, s_t): (
            divergence(s_t * A @ B.T, s * U @ V.T) + divergence(s_t * B @ A.T, s * V @ U.T)
        )
        / 2,
        feature_distillation(student, teacher): ((U - A) ** 2).mean() + ((V - B) ** 2).mean(),
        feature_distillation(student, teacher, "sum"): (
            (np.linalg.norm(U - A, axis=1) ** 2).mean() + (np.linalg.norm(V - B, axis=1) ** 2).mean()
        ),
        interactive_contrastive_learning(student, teacher, s): (matched(s * U @ B.T) + matched(s * V @ A.T))
        / 2,
        cross_knowledge_distillation(student, teacher, s, s_t): (
            divergence(s_t * A @ B.T, s * U @ B.T) + divergence(s_t * B @ A.T, s * V @ A.T)
        )
        / 2,
    }
    for loss, value in expected.items():
        assert loss.dtype == torch.float64
        assert float(loss) == pytest.approx(value, rel=1e-9, abs=1e-11)


@quick
@given(seeds, sizes, scales)
def test_closed_form_gradients_are_those_of_autograd(seed, size, s):
    x, y = (z.requires_grad_() for z in pairs(seed, size))
    own = torch.arange(len(x))
    wanted = torch.autograd.grad(torch.nn.functional.cross_entropy(s * x @ y.T, own), (x, y))
    torch.testing.assert_close(info_nce_gradients(x, y, 1 / s), wanted, rtol=1e-9, atol=1e-11)


@quick
@given(seeds, sizes, st.floats(0.5, 5.0), st.floats(0.5, 5.0))
def test_gradient_distillation_compares_the_gradients_of_both_directions(seed, size, s, s_t):
    student, teacher = pairs(seed, size), pairs(seed + 2, size)

    def gradients(embeddings: Embeddings, scale: float) -> list[torch.Tensor]:
        x, y = (z.detach().clone().requires_grad_() for z in embeddings)
        own = torch.arange(len(x))
        halves = (torch.nn.functional.cross_entropy(scale * m, own) for m in (x @ y.T, y @ x.T))
        return [g for half in halves for g in torch.autograd.grad(half, (x, y))]

    wanted = sum(
        (g - h).square().mean() for g, h in zip(gradients(student, s), gradients(teacher, s_t), strict=True)
    )
    torch.testing.assert_close(gradient_distillation(student, teacher, 1 / s, 1 / s_t), wanted)


@pytest.mark.parametrize("s", [2.0, 10.0, 100.0])
def test_an_inverse_temperature_shrinks_gradients_by_the_square(s):
    # All contrasts are equal, so the softmax is uniform at any temperature and g_y goes with 1 / τ alone:
    # s² between τ = 1 / s and τ = s, and s⁴ in a squared difference.
    x = torch.from_numpy(units(0, (4, 3)))
    y = torch.from_numpy(units(1, (1, 3))).expand(4, 3)
    right, wrong = (info_nce_gradients(x, y, tau)[1] for tau in (1 / s, s))
    assert right.abs().max() > 0.1
    torch.testing.assert_close(right, s**2 * wrong)


@quick
@given(seeds, sizes, scales)
def test_distillation_is_least_and_flat_at_the_teacher(seed, size, s):
    teacher = pairs(seed, size)
    other = pairs(seed + 5, size)
    losses = {
        "CRD": lambda x: contrastive_relational_distillation(x, teacher, s, s),
        "FD": lambda x: feature_distillation(x, teacher),
        "cross-KD": lambda x: cross_knowledge_distillation(x, teacher, s, s),
        "GD": lambda x: gradient_distillation(x, teacher, 1 / s, 1 / s),
    }
    for name, loss in losses.items():
        student = Embeddings(*(z.clone().requires_grad_() for z in teacher))
        at_teacher = loss(student)
        at_teacher.backward()
        assert at_teacher.item() == pytest.approx(0.0, abs=1e-12), name
        assert max(float(z.grad.abs().max()) for z in student) < 1e-8, name
        assert loss(other) >= -1e-12, name


@quick
@given(seeds, sizes, scales)
def test_the_order_of_pairs_does_not_matter(seed, size, s):
    student, teacher = pairs(seed, size), pairs(seed + 2, size)
    order = torch.from_numpy(np.random.default_rng(seed).permutation(size[0]))
    shuffled, taught = (Embeddings(*(z[order] for z in e)) for e in (student, teacher))
    for loss in (
        lambda x, y: info_nce(x, s),
        lambda x, y: contrastive_relational_distillation(x, y, s, 2 * s),
        feature_distillation,
        lambda x, y: interactive_contrastive_learning(x, y, s),
        lambda x, y: cross_knowledge_distillation(x, y, s, 2 * s),
        lambda x, y: gradient_distillation(x, y, 1 / s, 2 / s),
    ):
        torch.testing.assert_close(loss(shuffled, taught), loss(student, teacher))


def test_the_teacher_gets_no_gradient():
    student, teacher = (Embeddings(*(z.requires_grad_() for z in pairs(seed, (4, 3)))) for seed in (0, 2))
    total = (
        contrastive_relational_distillation(student, teacher, 5.0, 5.0)
        + feature_distillation(student, teacher)
        + interactive_contrastive_learning(student, teacher, 5.0)
        + cross_knowledge_distillation(student, teacher, 5.0, 5.0)
        + gradient_distillation(student, teacher, 0.2, 0.2)
    )
    total.backward()
    assert all(z.grad is None for z in teacher)
    assert all(z.grad.abs().max() > 0 for z in student)


def test_relations_may_be_compared_across_widths():
    student, teacher = pairs(0, (4, 3)), pairs(2, (4, 6))
    assert contrastive_relational_distillation(student, teacher, 5.0, 5.0) > 0
    for loss in (
        feature_distillation,
        lambda x, y: interactive_contrastive_learning(x, y, 1.0),
        lambda x, y: gradient_distillation(x, y, 1.0, 1.0),
        lambda x, y: cross_knowledge_distillation(x, y, 1.0, 1.0),
    ):
        with pytest.raises(ValueError, match="of one width"):
            loss(student, teacher)


@pytest.mark.parametrize("shapes", [((3, 2), (4, 2)), ((3, 2), (3, 3)), ((3,), (3,)), ((3, 2, 1), (3, 2, 1))])
def test_what_are_no_pairs_is_refused(shapes):
    with pytest.raises(ValueError, match="one row per pair"):
        info_nce(Embeddings(*(torch.zeros(shape) for shape in shapes)), 1.0)


def test_a_pair_alone_has_nothing_to_contrast():
    one = pairs(0, (1, 4))
    assert float(info_nce(one, 10.0)) == 0.0


def test_large_scales_stay_finite():
    student, teacher = (Embeddings(*(z.float().requires_grad_() for z in pairs(s, (5, 4)))) for s in (0, 2))
    loss = contrastive_relational_distillation(student, teacher, 1e4, 1e4)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(z.grad).all() for z in student)
