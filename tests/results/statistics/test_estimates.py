"""Figures with intervals: by hand, by scipy, and how often they hold the truth."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from clbench.results import metrics as m
from clbench.results.places import folder_of
from clbench.results.predictions import load_predictions, save_predictions
from clbench.results.statistics.estimates import deterministic, estimate
from clbench.results.statistics.paired import paired_difference
from clbench.results.statistics.pairs import Pairs, metric_weights
from clbench.results.statistics.trials import Trial, trial_of
from clbench.results.store import read_record
from clbench.testing.records import make_run
from scipy import stats

AVERAGE = metric_weights(m.average, 2)
LAST_OF_FIRST = metric_weights(lambda A: m.last_per_task(A)[0], 2)


def trial(right, seed=0, groups=None):
    right = tuple(np.asarray(r, dtype=bool) for r in right)
    matrix = 100 * np.stack([r.mean(axis=1) for r in right], axis=1)
    return Trial(seed, ("t0", "t1"), matrix, right, None, groups or {})


def drawn(rng, skill=0.6, sizes=(80, 120)):
    return [rng.random((2, n)) < skill for n in sizes]


def test_one_run_is_a_t_interval_over_its_test_images():
    right = drawn(np.random.default_rng(0))
    found = estimate([[trial(right)]], [LAST_OF_FIRST])
    answers = 100.0 * right[0][-1]
    low, high = stats.ttest_1samp(answers, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert (found.covers, found.n) == (("images",), 1)


def test_seeds_without_predictions_are_a_t_interval():
    rng = np.random.default_rng(0)
    runs = [Trial(s, ("t0", "t1"), rng.uniform(40, 60, (2, 2))) for s in range(4)]
    found = estimate([runs], [AVERAGE])
    low, high = stats.ttest_1samp([m.average(t.matrix) for t in runs], 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.covers == ("seeds",)
    assert estimate([runs[:2]], [AVERAGE]).half_width is None  # two seeds say nothing of training


def test_two_orders_add_their_variances():
    rng = np.random.default_rng(0)
    orders = [[Trial(s, ("t0", "t1"), rng.uniform(40, 60, (2, 2))) for s in range(4)] for _ in range(2)]
    found = estimate(orders, [AVERAGE, AVERAGE])
    one, other = ([m.average(t.matrix) for t in runs] for runs in orders)
    # Welch's interval of a sum, halved; seeds of one number in two orders are no pairs.
    welch = stats.ttest_ind(one, [-x for x in other], equal_var=False).confidence_interval(0.95)
    assert (2 * found.low, 2 * found.high) == pytest.approx((welch.low, welch.high))


def test_seeds_that_are_alike_to_the_bit_show_no_chance_of_training():
    right = drawn(np.random.default_rng(0))
    alike = [trial(right, seed) for seed in range(3)]
    assert deterministic(alike)
    assert not deterministic(alike[:1])
    assert estimate([alike], [AVERAGE]).half_width == pytest.approx(
        estimate([alike[:1]], [AVERAGE]).half_width
    )
    bare = [Trial(t.seed, t.tasks, t.matrix) for t in alike]
    assert estimate([bare], [AVERAGE]).half_width is None


def test_images_of_a_group_are_drawn_together():
    """Eight renderings of each of ten designs are ten designs, and not eighty images."""
    rng = np.random.default_rng(0)
    designs = rng.random((2, 10)) < 0.6
    right = [np.repeat(designs, 8, axis=1), rng.random((2, 120)) < 0.5]
    numbers = {"t0": np.repeat(np.arange(10), 8)}
    found = estimate([[trial(right, groups=numbers)]], [LAST_OF_FIRST])
    low, high = stats.ttest_1samp(100.0 * designs[-1], 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.half_width > 2 * estimate([[trial(right)]], [LAST_OF_FIRST]).half_width


def test_a_run_from_before_its_stream_named_groups_takes_those_of_one_beside_it():
    rng = np.random.default_rng(0)
    right = [np.repeat(rng.random((2, 10)) < 0.6, 8, axis=1), rng.random((2, 120)) < 0.5]
    numbers = {"t0": np.repeat(np.arange(10), 8)}
    new, old = trial(right, 0, numbers), trial(right, 1)
    both = estimate([[new, trial(right, 1, numbers)]], [LAST_OF_FIRST])
    assert estimate([[old, new]], [LAST_OF_FIRST]) == both
    answered = trial(drawn(rng), 0)
    known, unknown = (
        paired_difference([Pairs((answered,), (x,))], [LAST_OF_FIRST]) for x in (new, trial(right))
    )
    assert np.ptp(known.bounds) > np.ptp(unknown.bounds)
    assert paired_difference([Pairs((new,), (answered,))], [LAST_OF_FIRST]).bounds == pytest.approx(
        [-x for x in reversed(known.bounds)]
    )


def test_groups_travel_with_the_predictions(tmp_path):
    groups = {"t0": np.array([0, 0, 1])}
    save_predictions(tmp_path, {("task", 0, "t0"): [0, 1, 2]}, {"t0": [0, 1, 1]}, groups)
    read = load_predictions(tmp_path)
    assert read.groups["t0"].tolist() == [0, 0, 1]
    save_predictions(tmp_path, {("task", 0, "t0"): [0, 1, 2]}, {"t0": [0, 1, 1]})
    assert load_predictions(tmp_path).groups == {}
    with pytest.raises(ValueError, match="groups of images of t1"):
        save_predictions(tmp_path, {("task", 0, "t0"): [0]}, None, {"t1": [0]})


def test_a_record_that_was_read_knows_its_predictions(tmp_path):
    make_run(tmp_path / "run", drawn(np.random.default_rng(0)))
    record = read_record(tmp_path / "run")
    assert folder_of(record) == tmp_path / "run"
    assert trial_of(record).right is not None
    assert trial_of(record) is trial_of(record)
    assert folder_of(record.evolve(notes=("changed",))) is None


def _benchmark():
    path = Path(__file__).parents[2] / "benchmarks" / "coverage.py"
    spec = importlib.util.spec_from_file_location("coverage_of_intervals", path)
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("seeds", "orders"), [(1, 1), (3, 1), (10, 1), (3, 2), (1, 5)])
def test_intervals_hold_the_truth_about_95_times_in_100(seeds, orders):
    """A short form of tests/benchmarks/coverage.py."""
    module = _benchmark()
    world = module.World(images=150)
    found = module.covered(world, seeds, orders, worlds=250, rng=np.random.default_rng(seeds + 10 * orders))
    assert 91.5 <= found <= 99  # 95 % of 250: two standard errors are 2.8 points
