"""Votes, weights, groups, and the bounded memory."""

from __future__ import annotations

import math

import pytest
import torch
from clbench.models.remembering import BoundedCache, content_key
from clbench_diki.gaussian import TaskGaussian, calibration_weight
from clbench_diki.inference import batch_vote, per_sample


@pytest.fixture
def gaussians():
    """Tasks 0, 2 and 5: blobs around 0, 10 and 20 on the line, of unit variance."""
    torch.manual_seed(0)
    blob = torch.randn(500, 1)
    blob = (blob - blob.mean()) / blob.std()
    return {task: TaskGaussian(score_scale=1.0).fit(blob + 10 * n) for n, task in enumerate((0, 2, 5))}


def test_vote_takes_the_most_frequent_task_and_each_images_own_best_weight(gaussians):
    features = torch.tensor([[0.0], [10.0], [11.0], [20.0]])
    decision = batch_vote(features, gaussians)
    assert decision.tasks.tolist() == [2, 2, 2, 2]
    at_centre = float(gaussians[0].weight(gaussians[0].log_prob(torch.zeros(1, 1))))
    # Images 0 and 3 lost the vote and still weigh as they are likely in their own tasks.
    assert decision.weights[[0, 1, 3]].tolist() == pytest.approx([at_centre] * 3, rel=1e-4)
    assert float(decision.weights[2]) < at_centre
    assert decision.text_weights.tolist() == pytest.approx([float(decision.weights.mean())] * 4)
    assert [(task, len(n)) for task, _, n in decision.groups()] == [(2, 4)]


def test_an_outvoted_image_can_weigh_as_it_is_likely_under_the_winner(gaussians):
    features = torch.tensor([[0.0], [10.0], [11.0], [20.0]])
    own, winner = batch_vote(features, gaussians), batch_vote(features, gaussians, by_winner=True)
    assert winner.tasks.tolist() == own.tasks.tolist() == [2] * 4
    assert winner.weights[1:3].tolist() == own.weights[1:3].tolist()
    expected = gaussians[2].weight(gaussians[2].log_prob(features[[0, 3]]))
    assert winner.weights[[0, 3]].tolist() == expected.tolist()
    assert float(winner.weights[0]) < 1e-10 < float(own.weights[0])
    free = batch_vote(features, gaussians, calibrated=False, by_winner=True)
    assert free.weights.tolist() == [1.0] * 4


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.5])
def test_the_shift_is_taken_off_before_the_sigmoid(shift):
    assert float(calibration_weight(torch.tensor(3.0), 2.0, shift)) == pytest.approx(
        1 / (1 + math.exp(shift - 1.5))
    )


def test_equal_votes_go_to_the_task_learned_first(gaussians):
    assert batch_vote(torch.tensor([[20.0], [10.0], [10.0], [20.0]]), gaussians).tasks.tolist() == [2] * 4


def test_per_sample_is_the_same_alone_and_in_company(gaussians):
    features = torch.tensor([[0.0], [10.5], [22.0]])
    together = per_sample(features, gaussians, levels=8)
    assert together.tasks.tolist() == [0, 2, 5]
    for n in range(3):
        alone = per_sample(features[n : n + 1], gaussians, levels=8)
        assert (alone.tasks[0], alone.weights[0], alone.text_weights[0]) == (
            together.tasks[n],
            together.weights[n],
            together.text_weights[n],
        )


@pytest.mark.parametrize("levels", [1, 8, 1000])
def test_text_weights_are_levels_near_the_weights(gaussians, levels):
    decision = per_sample(torch.linspace(-5, 25, 40)[:, None], gaussians, levels=levels)
    steps = decision.text_weights * levels
    torch.testing.assert_close(steps, steps.round())
    assert float((decision.text_weights - decision.weights).abs().max()) <= 0.5 / levels + 1e-6


def test_groups_part_the_batch(gaussians):
    decision = per_sample(torch.tensor([[0.0], [10.0], [0.0], [15.0]]), gaussians, levels=4)
    groups = list(decision.groups())
    assert sorted(int(n) for _, _, positions in groups for n in positions) == [0, 1, 2, 3]
    for task, weight, positions in groups:
        assert set(decision.tasks[positions].tolist()) == {task}
        assert set(decision.text_weights[positions].tolist()) == {weight}


@pytest.mark.parametrize("decide", [batch_vote, per_sample])
def test_uncalibrated_weights_are_one(gaussians, decide):
    decision = decide(torch.tensor([[0.0], [500.0]]), gaussians, calibrated=False)
    assert decision.weights.tolist() == decision.text_weights.tolist() == [1.0, 1.0]


def test_same_sees_any_difference(gaussians):
    features = torch.tensor([[0.0], [10.0]])
    decision = batch_vote(features, gaussians)
    assert decision.same(batch_vote(features.clone(), gaussians))
    assert not decision.same(batch_vote(features + 0.01, gaussians))
    assert not decision.same(per_sample(features, gaussians))


def test_cache_drops_what_was_used_longest_ago():
    cache = BoundedCache[torch.Tensor](capacity=24, size=lambda value: value.nbytes)
    for name in "abc":
        cache.put(name, torch.zeros(2))  # 8 bytes each
    assert cache.get("a") is not None
    cache.put("d", torch.zeros(2))
    assert [cache.get(name) is not None for name in "abcd"] == [True, False, True, True]
    cache.put("d", torch.zeros(6))  # replaces itself and pushes out all others
    assert len(cache) == 1
    cache.put("e", torch.zeros(7))  # larger than the whole
    assert len(cache) == 0
    cache.put("f", torch.zeros(2))
    cache.clear()
    assert cache.get("f") is None


def test_content_keys_tell_contents_apart():
    a = torch.arange(6.0)
    assert content_key(a) == content_key(a.clone())
    changed = a.clone()
    changed[5] += 1e-6
    different = [content_key(t) for t in (a, changed, a.reshape(2, 3), a.int())]
    assert len(set(different)) == 4
