"""The weighted sum: each weight and option does what it says, in either width."""

from __future__ import annotations

import math

import pytest
import torch
from clbench_clip_kd.losses import (
    Embeddings,
    contrastive_relational_distillation,
    cross_knowledge_distillation,
    feature_distillation,
    gradient_distillation,
    info_nce,
    interactive_contrastive_learning,
)
from clbench_clip_kd.objective import Objective
from clbench_clip_kd.settings import ObjectiveSettings
from pydantic import ValidationError

OFF = dict.fromkeys(("contrastive", "crd", "fd", "icl"), 0.0)
S, S_T = torch.tensor(20.0, dtype=torch.float64), torch.tensor(30.0, dtype=torch.float64)
START = 1 / 0.07  # exp of where the learned scales begin


def draw(seed: int, width: int, pairs: int = 5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(pairs, width, generator=generator, dtype=torch.float64)


def unit(x: torch.Tensor) -> torch.Tensor:
    return x / x.norm(dim=-1, keepdim=True)


def embeddings(width: int = 4, teacher_width: int = 4) -> tuple[Embeddings, Embeddings]:
    """The student's as its towers give them, and the teacher's, of unit length."""
    student = Embeddings(3 * draw(0, width), 3 * draw(1, width))
    return student, Embeddings(unit(draw(2, teacher_width)), unit(draw(3, teacher_width)))


def objective(width: int = 4, teacher_width: int = 4, **changes: object) -> Objective:
    torch.manual_seed(0)
    return Objective(ObjectiveSettings(**OFF | changes), width, teacher_width).double()


def test_the_paper_s_recipe():
    student, teacher = embeddings()
    own = Embeddings(*map(unit, student))
    losses = Objective(ObjectiveSettings(), 4, 4).double()(student, teacher, S, S_T)
    torch.testing.assert_close(
        losses,
        {
            "contrastive": info_nce(own, S),
            "CRD": contrastive_relational_distillation(own, teacher, S, S_T),
            "FD": 2000 * feature_distillation(own, teacher),
            "ICL": interactive_contrastive_learning(own, teacher, START),
        },
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"contrastive": 2}, lambda u, t: 2 * info_nce(u, S)),
        ({"crd": 3}, lambda u, t: 3 * contrastive_relational_distillation(u, t, S, S_T)),
        ({"fd": 4}, lambda u, t: 4 * feature_distillation(u, t)),
        ({"fd": 4, "fd_reduction": "sum"}, lambda u, t: 16 * feature_distillation(u, t)),
        ({"icl": 5}, lambda u, t: 5 * interactive_contrastive_learning(u, t, START)),
        (
            {"icl": 5, "raw_scale": True},
            lambda u, t: 5 * interactive_contrastive_learning(u, t, math.log(START)),
        ),
        ({"gd": 6}, lambda u, t: 6 * gradient_distillation(u, t, 1 / S, 1 / S_T)),
        (
            {"gd": 1e8, "gd_inverse_temperature": True},
            lambda u, t: 1e8 * gradient_distillation(u, t, S, S_T),
        ),
        ({"cross_kd": 7}, lambda u, t: 7 * cross_knowledge_distillation(u, t, START, S_T)),
        (
            {"cross_kd": 7, "raw_scale": True},
            lambda u, t: 7 * cross_knowledge_distillation(u, t, math.log(START), S_T),
        ),
        ({"mfd": 8, "mfd_unmasked": True}, lambda u, t: 8 * feature_distillation(u, t)),
    ],
    ids=lambda x: ",".join(x) if isinstance(x, dict) else "",
)
def test_each_weight_and_option(changes, expected):
    student, teacher = embeddings()
    (loss,) = objective(**changes)(student, teacher, S, S_T).values()
    torch.testing.assert_close(loss, expected(Embeddings(*map(unit, student)), teacher), rtol=1e-6, atol=0)


def test_masked_images_take_the_place_of_the_student_s():
    student, teacher = embeddings()
    masked = draw(9, 4)
    (loss,) = objective(mfd=2)(student, teacher, S, S_T, masked).values()
    pairs = Embeddings(unit(masked), unit(student.texts))
    torch.testing.assert_close(loss, 2 * feature_distillation(pairs, teacher))
    with pytest.raises(ValueError, match="masked images"):
        objective(mfd=2)(student, teacher, S, S_T)


@pytest.mark.parametrize("raw", [False, True])
def test_fusion(raw):
    student, teacher = embeddings()
    module = objective(afd=2, raw_scale=raw)
    fused = [
        unit(torch.cat([unit(s), t], dim=1) @ layer.weight.T + layer.bias)
        for s, t, layer in zip(student, teacher, (module.fusion.images, module.fusion.texts), strict=True)
    ]
    (loss,) = module(student, teacher, S, S_T).values()
    c = math.log(START) if raw else START
    torch.testing.assert_close(loss, 2 * info_nce(Embeddings(*fused), c), rtol=1e-6, atol=0)


def test_another_width_is_mapped_to_the_teacher_s_but_for_relations():
    student, teacher = embeddings(3, 5)
    every = {"contrastive": 1, "crd": 1, "fd": 1, "icl": 1, "mfd": 1, "gd": 1, "cross_kd": 1, "afd": 1}
    module = objective(3, 5, **every)
    own = Embeddings(*map(unit, student))
    masked = draw(9, 3)
    layers = (module.projection.images, module.projection.texts)

    def mapped(x: torch.Tensor, y: torch.Tensor) -> Embeddings:
        # The layers see embeddings as the towers give them.
        return Embeddings(*(unit(z @ f.weight.T + f.bias) for z, f in zip((x, y), layers, strict=True)))

    losses = module(student, teacher, S, S_T, masked)
    aligned = mapped(*student)
    c = START
    expected = {
        "contrastive": info_nce(own, S),
        "CRD": contrastive_relational_distillation(own, teacher, S, S_T),
        "FD": feature_distillation(aligned, teacher),
        "MFD": feature_distillation(mapped(masked, student.texts), teacher),
        "ICL": interactive_contrastive_learning(aligned, teacher, c),
        "cross-KD": cross_knowledge_distillation(aligned, teacher, c, S_T),
        "GD": gradient_distillation(aligned, teacher, 1 / S, 1 / S_T),
    }
    assert set(losses) == {*expected, "AFD"}
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value, rtol=1e-6, atol=1e-9)
    sum(losses.values()).backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in module.parameters())


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"contrastive": 1, "crd": 1}, set()),
        ({"fd": 1}, {"projection"}),
        ({"icl": 1}, {"projection", "cross_log_scale"}),
        ({"cross_kd": 1}, {"projection", "cross_log_scale"}),
        ({"afd": 1}, {"fusion", "fusion_log_scale"}),
    ],
)
def test_only_what_is_used_is_learned(changes, names):
    found = {name.partition(".")[0] for name, _ in objective(3, 5, **changes).named_parameters()}
    assert found == names
    assert not {
        name for name, _ in objective(4, 4, **changes).named_parameters() if name.startswith("projection")
    }


def test_half_precision_is_computed_in_float32():
    student, teacher = embeddings()
    module = Objective(ObjectiveSettings(), 4, 4)
    half = Embeddings(*(x.bfloat16() for x in student))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = module(half, Embeddings(*(x.float() for x in teacher)), S.float(), S_T.float())
    assert {loss.dtype for loss in losses.values()} == {torch.float32}
    exact = module(Embeddings(*(x.float() for x in half)), teacher, S.float(), S_T.float())
    torch.testing.assert_close(losses, exact, rtol=1e-5, atol=1e-6, check_dtype=False)


@pytest.mark.parametrize(
    "wrong", [{"fd": -1}, {"mask_ratio": 1}, {"mask_ratio": 0}, {"fd_reduction": "max"}, {"kd": 1}]
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValidationError):
        ObjectiveSettings(**wrong)
