"""The weight ensemble is the mean of its snapshots; the moving average pulls the live weights."""

from __future__ import annotations

import pytest
import torch
from clbench_zscl.ensemble import MovingAverage, WeightEnsemble
from hypothesis import given, settings
from hypothesis import strategies as st


def snapshot(seed: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((2, 3), (4,), ())]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 2**31), min_size=1, max_size=12))
def test_n_merges_give_the_mean_of_all_snapshots_and_the_start(seeds):
    snapshots = [snapshot(seed) for seed in seeds]
    ensemble = WeightEnsemble(snapshots[0])
    for weights in snapshots[1:]:
        ensemble.update(weights)
    assert ensemble.merges == len(seeds) - 1
    for average, *values in zip(ensemble.average, *snapshots, strict=True):
        torch.testing.assert_close(average, torch.stack(values).mean(dim=0))


def test_it_owns_its_weights():
    model = torch.nn.Linear(2, 2)
    before = [p.detach().clone() for p in model.parameters()]
    ensemble = WeightEnsemble(model.parameters())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    torch.testing.assert_close(ensemble.average, before)
    ensemble.copy_to(model.parameters())
    torch.testing.assert_close([p.detach() for p in model.parameters()], before)
    assert all(p.requires_grad for p in model.parameters())


def test_a_restored_one_goes_on_as_if_nothing_had_happened():
    straight, stopped = WeightEnsemble(snapshot(0)), WeightEnsemble(snapshot(0))
    for ensemble in (straight, stopped):
        ensemble.update(snapshot(1))
    resumed = WeightEnsemble(snapshot(9))
    resumed.load_state_dict(stopped.state_dict())
    for ensemble in (straight, resumed):
        ensemble.update(snapshot(2))
    assert all(torch.equal(a, b) for a, b in zip(straight.average, resumed.average, strict=True))
    # The state handed out was not a view of the resumed one's weights.
    assert stopped.merges == 1
    torch.testing.assert_close(stopped.average[1], (snapshot(0)[1] + snapshot(1)[1]) / 2)


@pytest.mark.parametrize("wrong", [snapshot(0)[:2], [*snapshot(0)[:2], torch.zeros(5)]])
def test_other_parameters_are_refused(wrong):
    ensemble = WeightEnsemble(snapshot(0))
    for call in (
        ensemble.update,
        ensemble.copy_to,
        lambda w: ensemble.load_state_dict({"average": w, "merges": 1}),
    ):
        with pytest.raises(ValueError, match="number or shapes differ"):
            call(wrong)
    assert ensemble.merges == 0
    with pytest.raises(ValueError, match="no parameters"):
        WeightEnsemble([])


@pytest.mark.parametrize("follow", [False, True])
def test_the_moving_average_pulls_the_live_weights(follow):
    live, target = [torch.nn.Parameter(w) for w in snapshot(0)], snapshot(1)
    average = MovingAverage(live, target, share=0.75, follow=follow)
    first = [0.75 * w + 0.25 * t for w, t in zip(snapshot(0), target, strict=True)]
    average.pull()
    torch.testing.assert_close([p.detach() for p in live], first)
    with torch.no_grad():
        for parameter in live:
            parameter += 1.0  # it has been trained on
    average.pull()
    earlier = snapshot(0) if follow else target  # what the weights were just before the first pull
    second = [0.75 * (w + 1) + 0.25 * e for w, e in zip(first, earlier, strict=True)]
    torch.testing.assert_close([p.detach() for p in live], second)
    torch.testing.assert_close(target, snapshot(1))  # the target was copied
