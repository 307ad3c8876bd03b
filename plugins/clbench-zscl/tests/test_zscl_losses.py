"""The losses against plain numpy in double precision, and their invariants."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from clbench_zscl.losses import (
    add_l2_gradient,
    distillation,
    image_similarity_distillation,
    image_text_distillation,
    l2_penalty,
)
from hypothesis import given, settings
from hypothesis import strategies as st

quick = settings(max_examples=25, deadline=None)
sizes = st.tuples(st.integers(1, 6), st.integers(1, 7))
seeds = st.integers(0, 2**31 - 1)
temperatures = st.floats(0.25, 8.0)


def logits(seed: int, size: tuple[int, ...], scale: float = 5.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, scale, size)


def plain_distillation(teacher: np.ndarray, student: np.ndarray, temperature: float) -> float:
    rows = []
    for t, s in zip(teacher / temperature, student / temperature, strict=True):
        target = np.exp(t - t.max())
        target /= target.sum()
        log_student = s - s.max() - np.log(np.exp(s - s.max()).sum())
        rows.append(-(target * log_student).sum())
    return float(np.mean(rows) * temperature**2)


@quick
@given(seeds, sizes, temperatures)
def test_distillation_is_the_formula(seed, size, temperature):
    teacher, student = logits(seed, size), logits(seed + 1, size)
    loss = distillation(torch.from_numpy(teacher), torch.from_numpy(student), temperature)
    assert float(loss) == pytest.approx(
        plain_distillation(teacher, student, temperature), rel=1e-10, abs=1e-10
    )


def test_distillation_of_a_known_case():
    # softmax(ln 3 / 1, 0) = (3/4, 1/4) against a uniform student: the loss is ln 2 at temperature 1.
    teacher = torch.tensor([[np.log(3.0), 0.0]], dtype=torch.float64)
    assert float(distillation(teacher, torch.zeros(1, 2, dtype=torch.float64), 1.0)) == pytest.approx(
        np.log(2)
    )
    # The teacher is the target: with the roles exchanged the value is another one.
    swapped = distillation(torch.zeros(1, 2, dtype=torch.float64), teacher, 1.0)
    assert float(swapped) == pytest.approx(-0.5 * (np.log(3 / 4) + np.log(1 / 4)))


@quick
@given(seeds, sizes, temperatures)
def test_distillation_is_least_at_the_teacher_and_flat_there(seed, size, temperature):
    teacher = torch.from_numpy(logits(seed, size))
    student = teacher.clone().requires_grad_()
    at_teacher = distillation(teacher, student, temperature)
    at_teacher.backward()
    assert student.grad.abs().max() < 1e-12
    elsewhere = distillation(teacher, torch.from_numpy(logits(seed + 1, size)), temperature)
    assert elsewhere >= at_teacher - 1e-12


@quick
@given(seeds, sizes, temperatures)
def test_distillation_gradient_is_that_of_the_divergence(seed, size, temperature):
    # d/ds of T² · mean CE = T / rows · (softmax(s/T) - softmax(t/T))
    teacher = torch.from_numpy(logits(seed, size))
    student = torch.from_numpy(logits(seed + 1, size)).requires_grad_()
    distillation(teacher, student, temperature).backward()
    difference = torch.softmax(student.detach() / temperature, -1) - torch.softmax(teacher / temperature, -1)
    torch.testing.assert_close(student.grad, temperature / size[0] * difference)


@quick
@given(seeds, sizes, temperatures)
def test_distillation_ignores_order_and_offsets(seed, size, temperature):
    random = np.random.default_rng(seed)
    teacher, student = logits(seed, size), logits(seed + 1, size)
    rows, columns = random.permutation(size[0]), random.permutation(size[1])
    offsets = random.normal(0, 10, (size[0], 1))
    expected = distillation(torch.from_numpy(teacher), torch.from_numpy(student), temperature)
    moved = distillation(
        torch.from_numpy(teacher[rows][:, columns] + offsets),
        torch.from_numpy(student[rows][:, columns] - offsets),
        temperature,
    )
    torch.testing.assert_close(moved, expected, rtol=1e-9, atol=1e-9)


@quick
@given(seeds, sizes, temperatures)
def test_distillation_scales_with_the_squared_temperature(seed, size, temperature):
    teacher, student = (torch.from_numpy(logits(seed + i, size)) for i in range(2))
    scaled = distillation(teacher * temperature, student * temperature, temperature)
    torch.testing.assert_close(scaled, temperature**2 * distillation(teacher, student, 1.0))


def test_distillation_takes_the_teacher_as_constant_and_survives_large_logits():
    teacher = torch.tensor([[2000.0, -2000.0, 0.0]], requires_grad=True)
    student = torch.tensor([[-2000.0, 2000.0, 0.0]], requires_grad=True)
    loss = distillation(teacher, student, 2.0)
    loss.backward()
    assert torch.isfinite(loss)
    assert teacher.grad is None
    assert torch.isfinite(student.grad).all()


def test_distillation_of_more_dimensions_averages_over_all_rows():
    teacher, student = (torch.from_numpy(logits(i, (2, 3, 4))) for i in range(2))
    flat = distillation(teacher.reshape(6, 4), student.reshape(6, 4), 2.0)
    torch.testing.assert_close(distillation(teacher, student, 2.0), flat)


@pytest.mark.parametrize(
    ("teacher", "student", "temperature", "message"),
    [
        ((2, 3), (2, 4), 2.0, "must be equal"),
        ((2, 3), (3,), 2.0, "must be equal"),
        ((0, 3), (0, 3), 2.0, "no rows"),
        ((2, 3), (2, 3), 0.0, "above 0"),
        ((2, 3), (2, 3), float("nan"), "above 0"),
    ],
)
def test_distillation_refuses_what_has_no_meaning(teacher, student, temperature, message):
    with pytest.raises(ValueError, match=message):
        distillation(torch.zeros(teacher), torch.zeros(student), temperature)


def test_image_text_distillation_uses_the_teachers_texts_on_both_sides():
    Z, Z_teacher, W = (
        x / np.linalg.norm(x, axis=1, keepdims=True)
        for x in (logits(0, (3, 4)), logits(1, (3, 4)), logits(2, (5, 4)))
    )
    image, text = image_text_distillation(*map(torch.from_numpy, (Z, Z_teacher, W)), 10.0, 2.0)
    Q, P = 10 * Z_teacher @ W.T, 10 * Z @ W.T
    assert float(image) == pytest.approx(plain_distillation(Q, P, 2.0))
    assert float(text) == pytest.approx(plain_distillation(Q.T, P.T, 2.0))


@quick
@given(seeds, st.integers(2, 6), temperatures)
def test_image_similarity_compares_each_image_with_the_others(seed, batch, temperature):
    Z, Z_teacher = (
        x / np.linalg.norm(x, axis=1, keepdims=True)
        for x in (logits(seed, (batch, 4)), logits(seed + 1, (batch, 4)))
    )
    loss = image_similarity_distillation(torch.from_numpy(Z), torch.from_numpy(Z_teacher), 10.0, temperature)
    rows = []
    for i in range(batch):  # the image itself takes no part: what is left of a softmax at -10⁴ is zero
        others = [j for j in range(batch) if j != i]
        teacher, student = (10 * (x[others] @ x[i])[None] for x in (Z_teacher, Z))
        rows.append(plain_distillation(teacher, student, temperature))
    assert float(loss) == pytest.approx(np.mean(rows), rel=1e-9, abs=1e-9)


def test_image_similarity_is_flat_at_the_teacher_and_nothing_for_a_single_image():
    Z_teacher = torch.nn.functional.normalize(torch.from_numpy(logits(0, (5, 4))), dim=-1)
    Z = Z_teacher.clone().requires_grad_()
    image_similarity_distillation(Z, Z_teacher, 100.0).backward()
    assert Z.grad.abs().max() < 1e-10
    assert float(image_similarity_distillation(Z_teacher[:1], Z_teacher[1:2], 100.0)) == 0


def test_l2_penalty_sums_over_everything():
    parameters = [torch.full((2, 3), 3.0), torch.tensor(1.0)]
    anchor = [torch.full((2, 3), 1.0), torch.tensor(4.0)]
    assert float(l2_penalty(parameters, anchor)) == 6 * 4 + 9
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        l2_penalty(parameters, anchor[:1])
    with pytest.raises(ValueError, match="no parameters"):
        l2_penalty([], [])


@quick
@given(seeds, st.floats(0.01, 100.0))
def test_the_gradient_added_is_that_of_the_penalty(seed, coefficient):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    parameters = [torch.nn.Parameter(draw(3, 2)), torch.nn.Parameter(draw(4)), torch.nn.Parameter(draw(2))]
    anchor = [draw(3, 2), draw(4), draw(2)]
    before = [draw(3, 2), draw(4)]
    for parameter, gradient in zip(parameters, before, strict=False):
        parameter.grad = gradient.clone()
    penalty = coefficient * l2_penalty(parameters[:2], anchor[:2])
    expected = [b + g for b, g in zip(before, torch.autograd.grad(penalty, parameters[:2]), strict=True)]
    add_l2_gradient(parameters, anchor, coefficient)
    torch.testing.assert_close([p.grad for p in parameters[:2]], expected)
    assert parameters[2].grad is None
