"""Each of DIKI's options does what it says, seen from the method."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from clbench.testing.doubles import tiny_backbone, tiny_context, tiny_stream
from clbench_diki.method import DIKI
from clbench_diki.settings import DIKISettings
from torch.distributions import MultivariateNormal

STREAM = tiny_stream(tasks=2, classes=4, train=48, test=12)


def learned(**settings) -> DIKI:
    """After the first task."""
    usual = {"score_scale": "dimension", "depth": 2, "length": 4, "batch_size": 16, "epochs": 1}
    context = tiny_context(STREAM)
    method = DIKI(context.initial.copy(), DIKISettings(**usual | settings), context)
    method.learn(STREAM.tasks[0].for_training(0))
    return method


def views(images) -> torch.Tensor:
    preprocessing = tiny_backbone().preprocessing
    return preprocessing.normalise(torch.from_numpy(images.pixels(preprocessing).copy()))


@torch.no_grad()
def log_densities(images: torch.Tensor) -> torch.Tensor:
    """Under a Gaussian over the initial model's embeddings of the first task's training images."""
    backbone = tiny_backbone()
    seen = F.normalize(backbone.encode_image(views(STREAM.tasks[0].train)), dim=-1).double()
    asked = F.normalize(backbone.encode_image(images), dim=-1).double()
    covariance = torch.cov(seen.T) + 1e-7 * torch.eye(seen.shape[1], dtype=torch.float64)
    return MultivariateNormal(seen.mean(0), covariance).log_prob(asked)


@pytest.mark.parametrize(("score_scale", "divisor"), [("authors", 512.0), ("dimension", 16.0), (40.0, 40.0)])
def test_score_scale_divides_the_log_densities(score_scale, divisor):
    images = views(STREAM.tasks[0].test)
    expected = torch.sigmoid(log_densities(images) / divisor - 1)
    decision = learned(score_scale=score_scale).decide(images)
    torch.testing.assert_close(decision.weights.double(), expected, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(
        decision.text_weights.double(), expected.mean().expand(len(images)), rtol=1e-3, atol=1e-4
    )


def test_without_calibration_the_prompts_enter_in_full():
    images = views(STREAM.tasks[1].test)  # unlike anything learned
    plain, calibrated = learned(calibrated=False), learned()
    decision = plain.decide(images)
    assert decision.weights.tolist() == decision.text_weights.tolist() == [1.0] * len(images)
    assert float(calibrated.decide(images).weights.max()) < 1.0
    # They were trained alike: calibration has no part in the training.
    trained = (method.pool.state_dict() for method in (plain, calibrated))
    for (name, one), other in zip(next(trained).items(), next(trained).values(), strict=True):
        assert torch.equal(one, other), name
    assert not torch.equal(plain.score(images, STREAM.union), calibrated.score(images, STREAM.union))


def test_each_image_by_itself_has_its_own_weights_in_both_towers():
    images = torch.cat([views(STREAM.tasks[0].test), views(STREAM.tasks[1].test)])
    decision = learned(inference="per_sample", text_levels=8).decide(images)
    expected = torch.sigmoid(log_densities(images) / 16 - 1)
    torch.testing.assert_close(decision.weights.double(), expected, rtol=1e-3, atol=1e-4)
    steps = decision.text_weights * 8
    torch.testing.assert_close(steps, steps.round())
    assert float((decision.text_weights - decision.weights).abs().max()) <= 1 / 16 + 1e-6
    assert len(set(learned(inference="batch_vote").decide(images).text_weights.tolist())) == 1


@pytest.mark.parametrize(("depth", "blocks"), [(1, 1), (2, 2), (8, 2)])
def test_depth_is_the_number_of_prompted_blocks_at_most_all(depth, blocks):
    pool = learned(depth=depth).pool.state_dict()
    assert set(pool) == {
        f"{tower}transformer.resblocks.{i}.attn.prefix_pool"
        for tower in ("", "visual.")
        for i in range(blocks)
    }


@pytest.mark.parametrize("length", [1, 3])
def test_length_is_the_number_of_slots(length):
    pool = learned(length=length).pool.state_dict()
    assert {tuple(p.shape) for p in pool.values()} == {
        (2, 2, length, 32)
    }  # tasks, keys and values, slots, width


def test_steps_take_the_place_of_epochs():
    def steps_taken(**settings):
        taken, context = [], tiny_context(STREAM)
        method = DIKI(context.initial.copy(), DIKISettings(batch_size=16, **settings), context)
        context.fit = lambda *_, steps, schedule, **__: taken.append((steps, schedule(0), schedule(steps)))
        method.learn(STREAM.tasks[0].for_training(0))
        return taken

    assert steps_taken(epochs=4, lr=2.0, final_lr=0.5) == [
        (12, 2.0, pytest.approx(0.5))
    ]  # 48 images, 16 a step
    assert steps_taken(steps=5) == [(5, 5.0, pytest.approx(0.005))]  # the authors' rates


def test_test_templates_choose_the_prompts_at_test():
    images = views(STREAM.tasks[0].test)
    first, every = learned(), learned(test_templates="all")
    assert not torch.allclose(first.score(images, STREAM.union), every.score(images, STREAM.union), atol=1e-2)
    # One of two templates alone is its own mean.
    single = tiny_stream(tasks=2, classes=4, train=48, test=12).tasks[0].labels
    single = type(single).of(single.classes, single.templates[0][:1])
    torch.testing.assert_close(first.score(images, single), every.score(images, single))


def test_jitter_is_added_to_the_covariance():
    narrow, wide = learned(jitter=0.0), learned(jitter=0.5)
    difference = wide.gaussians[0].covariance - narrow.gaussians[0].covariance
    torch.testing.assert_close(difference, 0.5 * torch.eye(16, dtype=difference.dtype))


@pytest.mark.parametrize(("inference", "word"), [("batch_vote", "vote"), ("per_sample", "each image")])
def test_the_record_says_how_the_task_is_inferred(inference, word):
    assert word in str(DIKI.declares(DIKISettings(inference=inference))["task identity"])
