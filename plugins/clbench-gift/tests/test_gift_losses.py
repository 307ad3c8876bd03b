"""GIFT's losses against the formulas in float64 NumPy, and their laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from clbench_gift.ablations import feature_distillation, reverse_distillation
from clbench_gift.losses import (
    NO_GRADIENT_WEIGHT,
    consolidation_penalty,
    consolidation_weights,
    contrastive_distillation,
    image_text_alignment,
)
from hypothesis import given, settings
from hypothesis import strategies as st

PROPERTY = settings(max_examples=25, deadline=None)
sizes = st.integers(1, 9)
seeds = st.integers(0, 10_000)


def log_softmax(z: np.ndarray, axis: int) -> np.ndarray:
    z = z - z.max(axis, keepdims=True)
    return z - np.log(np.exp(z).sum(axis, keepdims=True))


def normal(seed: int, *shape: int, scale: float = 5.0) -> torch.Tensor:
    return scale * torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@PROPERTY
@given(seeds, sizes, sizes, st.floats(0.5, 5.0))
def test_distillation_is_soft_cross_entropy_times_squared_temperature(seed, rows, columns, temperature):
    teacher, student = normal(seed, rows, columns), normal(seed + 1, rows, columns)
    image, text = contrastive_distillation(teacher, student, temperature)
    for half, axis in ((image, 1), (text, 0)):
        q = np.exp(log_softmax(teacher.numpy() / temperature, axis))
        expected = -(q * log_softmax(student.numpy() / temperature, axis)).sum(axis).mean() * temperature**2
        assert half.item() == pytest.approx(expected, rel=1e-10)


@PROPERTY
@given(seeds, sizes)
def test_distillation_has_no_gradient_where_the_student_is_the_teacher(seed, size):
    teacher = normal(seed, size, size).requires_grad_()
    student = teacher.detach().clone().requires_grad_()
    sum(contrastive_distillation(teacher, student, 2.0)).backward()
    assert teacher.grad is None
    torch.testing.assert_close(student.grad, torch.zeros_like(student), atol=1e-12, rtol=0)


@pytest.mark.parametrize("distil", [contrastive_distillation, reverse_distillation])
def test_distillation_refuses_what_does_not_fit(distil):
    with pytest.raises(ValueError, match="one shape"):
        distil(torch.zeros(2, 3), torch.zeros(3, 2))
    with pytest.raises(ValueError, match="positive"):
        distil(torch.zeros(2, 2), torch.zeros(2, 2), 0.0)


@PROPERTY
@given(seeds, sizes, sizes, st.floats(0.5, 5.0))
def test_reverse_distillation_is_the_divergence_from_the_student(seed, rows, columns, temperature):
    teacher, student = normal(seed, rows, columns), normal(seed + 1, rows, columns)
    for half, axis in zip(reverse_distillation(teacher, student, temperature), (1, 0), strict=True):
        log_q = log_softmax(teacher.numpy() / temperature, axis)
        log_p = log_softmax(student.numpy() / temperature, axis)
        expected = (np.exp(log_p) * (log_p - log_q)).sum(axis).mean() * temperature**2
        assert half.item() == pytest.approx(expected, rel=1e-9, abs=1e-10)
        assert half.item() >= -1e-10


@PROPERTY
@given(seeds, sizes)
def test_reverse_distillation_is_zero_and_flat_at_the_teacher(seed, size):
    teacher = normal(seed, size, size).requires_grad_()
    student = teacher.detach().clone().requires_grad_()
    loss = sum(reverse_distillation(teacher, student, 2.0))
    loss.backward()
    assert loss.item() == pytest.approx(0.0, abs=1e-12)
    assert teacher.grad is None
    torch.testing.assert_close(student.grad, torch.zeros_like(student), atol=1e-12, rtol=0)


def test_feature_distillation_is_the_mean_squared_error_of_each_modality():
    Z, Z_teacher, W, W_teacher = (normal(i, 3, 4).requires_grad_() for i in range(4))
    image, text = feature_distillation(Z, Z_teacher, W, W_teacher)
    assert image.item() == pytest.approx(((Z - Z_teacher) ** 2).sum().item() / 12)
    assert text.item() == pytest.approx(((W - W_teacher) ** 2).sum().item() / 12)
    (image + text).backward()
    assert Z_teacher.grad is None
    assert W_teacher.grad is None


@PROPERTY
@given(seeds, st.lists(st.integers(0, 3), min_size=1, max_size=9), st.floats(0.0, 0.9))
def test_alignment_shares_the_mass_between_equal_prompts(seed, ids, smoothing):
    b = len(ids)
    logits = normal(seed, b, b)
    image, text = image_text_alignment(logits, torch.tensor(ids), smoothing)
    same = np.equal.outer(ids, ids).astype(float)
    target = (1 - smoothing) * same / same.sum(1, keepdims=True) + smoothing / b
    np.testing.assert_allclose(target.sum(1), 1.0)
    for half, z in ((image, logits.numpy()), (text, logits.numpy().T)):
        assert half.item() == pytest.approx(-(target * log_softmax(z, 1)).sum(1).mean(), rel=1e-9)


@PROPERTY
@given(seeds, sizes)
def test_alignment_of_distinct_prompts_is_smoothed_cross_entropy_with_the_diagonal(seed, size):
    logits, diagonal = normal(seed, size, size), torch.arange(size)
    image, text = image_text_alignment(logits, range(size), 0.2)
    expected = torch.nn.functional.cross_entropy
    torch.testing.assert_close(image, expected(logits, diagonal, label_smoothing=0.2))
    torch.testing.assert_close(text, expected(logits.T, diagonal, label_smoothing=0.2))


def test_alignment_does_not_push_duplicates_apart():
    # Images and prompts 0 and 1 fit each other crosswise, and nothing else does: nothing is left to learn.
    logits = torch.tensor(
        [[50.0, 50.0, -50.0], [50.0, 50.0, -50.0], [-50.0, -50.0, 50.0]], requires_grad=True
    )
    sum(image_text_alignment(logits, [7, 7, 3], 0.0)).backward()
    torch.testing.assert_close(logits.grad, torch.zeros(3, 3), atol=1e-6, rtol=0)
    identity = logits.detach().clone().requires_grad_()
    sum(image_text_alignment(identity, [0, 1, 2], 0.0)).backward()
    assert identity.grad.abs().max() > 0.1


@PROPERTY
@given(seeds, st.lists(st.integers(0, 3), min_size=2, max_size=8), st.floats(0.0, 0.9))
def test_shared_and_identity_targets_agree_where_equal_prompts_have_equal_embeddings(seed, ids, smoothing):
    images, texts = normal(seed, len(ids), 5), normal(seed + 1, 4, 5)[ids]
    shared = image_text_alignment(images @ texts.T, ids, smoothing)
    identity = image_text_alignment(images @ texts.T, range(len(ids)), smoothing)
    torch.testing.assert_close(shared, identity)


@pytest.mark.parametrize(("shape", "ids"), [((2, 3), [0, 1]), ((3, 3), [0, 1])])
def test_alignment_refuses_what_does_not_fit(shape, ids):
    with pytest.raises(ValueError, match="square"):
        image_text_alignment(torch.zeros(shape), ids)


@PROPERTY
@given(seeds, st.lists(sizes, min_size=1, max_size=4), st.sampled_from([1e-25, 1e-3, 1.0, 1e25]))
def test_weights_average_one_in_each_tensor_whatever_the_scale(seed, lengths, scale):
    grads = [(normal(seed + i, n, 3) * scale).float() for i, n in enumerate(lengths)]
    weights = consolidation_weights(grads)
    for weight, grad in zip(weights, grads, strict=True):
        expected = grad.double().square() / grad.double().square().mean()
        torch.testing.assert_close(weight.double(), expected, rtol=1e-5, atol=1e-7)
        assert weight.mean().item() == pytest.approx(1.0, rel=1e-5)


def test_weights_of_zero_gradients_are_zero_and_never_nan():
    zeros, ones = consolidation_weights([torch.zeros(4), torch.ones(2)])
    assert zeros.tolist() == [0, 0, 0, 0]
    assert ones.tolist() == [1, 1]


def test_weights_of_tensors_that_took_no_part():
    weights = consolidation_weights({"a": None, "b": torch.tensor([3.0, 4.0])}, normalise=False)
    assert list(weights) == ["a", "b"]
    assert weights["a"].item() == pytest.approx(NO_GRADIENT_WEIGHT)
    assert weights["b"].tolist() == [9.0, 16.0]


def test_weights_are_detached_copies():
    grad = torch.tensor([1.0, 2.0], requires_grad=True)
    (weights,) = consolidation_weights(iter([grad]), normalise=False)
    assert not weights.requires_grad
    assert grad.tolist() == [1.0, 2.0]


@PROPERTY
@given(seeds, st.lists(sizes, min_size=1, max_size=4), st.floats(0.0, 10.0))
def test_penalty_and_its_gradient(seed, lengths, coefficient):
    thetas = [normal(seed + i, n).requires_grad_() for i, n in enumerate(lengths)]
    anchors = [normal(seed + 10 + i, n) for i, n in enumerate(lengths)]
    weights = [normal(seed + 20 + i, n).square() for i, n in enumerate(lengths)]
    penalty = consolidation_penalty(thetas, anchors, weights, coefficient)
    expected = sum(
        float((f.numpy() * (t.detach().numpy() - a.numpy()) ** 2).sum())
        for t, a, f in zip(thetas, anchors, weights, strict=True)
    )
    assert penalty.item() == pytest.approx(coefficient * expected, rel=1e-9)
    penalty.backward()
    for t, a, f in zip(thetas, anchors, weights, strict=True):
        torch.testing.assert_close(t.grad, 2 * coefficient * f * (t.detach() - a))


def test_penalty_is_zero_at_the_anchor_and_plain_l2_without_weights():
    theta = torch.tensor([1.0, -2.0], requires_grad=True)
    assert consolidation_penalty([theta], [theta.detach()], [torch.ones(2)]).item() == 0.0
    assert consolidation_penalty([theta], [torch.zeros(2)]).item() == pytest.approx(5.0)


def test_penalty_matches_tensors_by_name():
    parameters = {"a": torch.tensor([1.0]), "b": torch.tensor([2.0])}
    anchors = {"b": torch.tensor([0.0]), "a": torch.tensor([0.0])}
    weights = {"b": torch.tensor([1.0]), "a": torch.tensor(NO_GRADIENT_WEIGHT)}
    assert consolidation_penalty(parameters, anchors, weights).item() == pytest.approx(4.000001)
    with pytest.raises(ValueError, match="same names"):
        consolidation_penalty(parameters, {"a": torch.zeros(1), "c": torch.zeros(1)})


@pytest.mark.parametrize(
    ("parameters", "anchors", "weights"),
    [
        ([torch.zeros(2)], [torch.zeros(3)], None),
        ([torch.zeros(2)], [torch.zeros(2)], [torch.zeros(3)]),
        ([torch.zeros(2)], [], None),
        ([], [], None),
    ],
)
def test_penalty_refuses_what_does_not_fit(parameters, anchors, weights):
    with pytest.raises(ValueError, match=r"one each|another"):
        consolidation_penalty(parameters, anchors, weights)
