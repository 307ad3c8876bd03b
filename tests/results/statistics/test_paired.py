"""Paired differences: figures by hand, scipy's tests where it has them, coverage and error rates."""

import math
from functools import partial

import numpy as np
import pytest
from clbench.errors import RecordError
from clbench.results import metrics as m
from clbench.results.rival_metrics import average_seen, forgetting_max, transfer_rows
from clbench.results.statistics.paired import paired_difference
from clbench.results.statistics.pairs import Pairs, metric_weights, pair_up
from clbench.results.statistics.trials import Trial
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

AVERAGE = metric_weights(m.average, 3)


def trial(right, seed=0, tasks=None, classes=None):
    """A run that answered as ``right`` says: for each task a boolean array (T, n)."""
    right = [np.asarray(r, dtype=bool) for r in right]
    tasks = tasks or tuple(f"t{j}" for j in range(len(right)))
    classes = classes or tuple(np.arange(r.shape[1]) % 7 for r in right)
    return Trial(seed, tasks, 100 * np.stack([r.mean(axis=1) for r in right], axis=1), tuple(right), classes)


def random_trial(rng, seed=0, sizes=(30, 40, 50), skill=0.6, **kwargs):
    return trial([rng.random((len(sizes), n)) < skill for n in sizes], seed, **kwargs)


def bare(matrix, seed=0):
    return Trial(seed, tuple(f"t{j}" for j in range(len(matrix))), np.asarray(matrix, dtype=float))


def runs(rng, seeds, **kwargs):
    return [random_trial(rng, seed, **kwargs) for seed in seeds]


def compare(a, b, weights=AVERAGE, **kwargs):
    return paired_difference([pair_up(a, b)], [weights], **kwargs)


@pytest.mark.parametrize("name", sorted(m.METRICS))
@given(st.integers(2, 6), st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_weights_give_the_metric(name, tasks, seed):
    A = np.random.default_rng(seed).uniform(0, 100, (tasks, tasks))
    assert (metric_weights(m.METRICS[name], tasks) * A).sum() == pytest.approx(m.METRICS[name](A))


def test_weights_of_columns_and_of_what_has_none():
    A = np.random.default_rng(0).uniform(0, 100, (4, 4))
    column = metric_weights(lambda A: m.transfer_per_task(A)[2], 4)
    assert (column * A).sum() == pytest.approx(A[:2, 2].mean())
    assert np.isnan(metric_weights(lambda A: m.transfer_per_task(A)[0], 4)).any()
    assert (metric_weights(average_seen, 4) * A).sum() == pytest.approx(average_seen(A))
    assert metric_weights(transfer_rows, 4) is not None
    assert metric_weights(forgetting_max, 4) is None
    assert metric_weights(m.transfer, 1) is None


def test_contributions_of_images_add_up_to_the_difference():
    rng = np.random.default_rng(0)
    for metric in m.METRICS.values():
        weights = metric_weights(metric, 3)
        pairs = pair_up(runs(rng, (0, 1)), runs(rng, (0, 1)))
        given_ = sum(x.mean() for x in pairs.sampled(weights).shares.values())
        a, b = pairs.figures(weights)
        assert given_ == pytest.approx((a - b).mean())
        assert a[0] == pytest.approx(metric(pairs.a[0].matrix))


def test_one_seed_each_is_of_test_images_alone_and_claims_no_more():
    rng = np.random.default_rng(0)
    found = compare(runs(rng, [0], skill=0.8), runs(rng, [0], skill=0.5))
    assert found.covers == ("images",)
    assert found.bounds == found.images
    assert found.training is None
    assert found.separable
    assert found.difference == pytest.approx(found.a - found.b)


def test_one_task_of_one_row_is_scipys_bootstrap():
    rng = np.random.default_rng(0)
    a, b = (random_trial(rng, sizes=(80, 300, 100), skill=s) for s in (0.7, 0.6))
    last = metric_weights(lambda A: m.last_per_task(A)[1], 3)
    found = compare([a], [b], last)
    right = [100.0 * t.right[1][-1] for t in (a, b)]
    expected = stats.bootstrap(
        tuple(right), lambda x, y, axis: (x - y).mean(axis), paired=True, rng=rng, n_resamples=20_000
    ).confidence_interval
    # One of 300 images is a third of a point.
    assert found.bounds == pytest.approx((expected.low, expected.high), abs=0.5)


def test_seeds_alone_are_a_paired_t_test():
    rng = np.random.default_rng(0)
    a = [bare(rng.uniform(50, 60, (3, 3)), s) for s in range(5)]
    b = [bare(rng.uniform(48, 58, (3, 3)), s) for s in range(5)]
    found = compare(a, b)
    expected = stats.ttest_rel([m.average(t.matrix) for t in a], [m.average(t.matrix) for t in b])
    assert found.p == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval(0.95)
    assert found.bounds == pytest.approx((interval.low, interval.high))
    assert found.covers == ("seeds",)
    assert found.images is None


def test_images_and_seeds_together_are_wider_than_either():
    rng = np.random.default_rng(0)
    found = compare(runs(rng, range(4)), runs(rng, range(4)))
    width = {k: v[1] - v[0] for k, v in vars_of(found).items()}
    assert found.covers == ("images", "seeds")
    assert width["bounds"] > width["images"]
    pairs = pair_up(runs(rng, range(4)), runs(rng, range(4)))
    a, b = pairs.figures(AVERAGE)
    found = paired_difference([pairs], [AVERAGE])
    # By hand: s²/R with 3 degrees of freedom, and the variance of images without what seeds have of it.
    v_seeds = (a - b).var(ddof=1) / 4
    parts = []
    for x in pairs.sampled(AVERAGE).shares.values():
        rest = x - x.mean(axis=0) - x.mean(axis=1, keepdims=True) + x.mean()
        n = x.shape[1]
        parts.append((x.mean(axis=0).var(ddof=1) / n - (rest**2).sum() / (3 * (n - 1) * 4 * n), n - 1))
    v_images = sum(v for v, _ in parts)
    freedom = v_images**2 / sum(v**2 / f for v, f in parts)
    total = v_seeds + v_images

    def half(p):
        return (v_seeds * stats.t.isf(p / 2, 3) + v_images * stats.t.isf(p / 2, freedom)) / math.sqrt(total)

    assert found.bounds == pytest.approx((found.difference - half(0.05), found.difference + half(0.05)))
    assert half(found.p) == pytest.approx(abs(found.difference), rel=1e-6)


def vars_of(found):
    return {"bounds": found.bounds, "images": found.images, "training": found.training}


def test_two_seeds_say_nothing_of_training():
    rng = np.random.default_rng(0)
    found = compare(runs(rng, (0, 1)), runs(rng, (0, 1)))
    assert (found.covers, found.pairs) == (("images",), 2)
    nothing = compare([bare(np.eye(3), s) for s in (0, 1)], [bare(np.zeros((3, 3)), s) for s in (0, 1)])
    assert (nothing.bounds, nothing.covers, nothing.separable) == (None, (), False)


@given(st.integers(0, 50), st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_laws(seed, count):
    rng = np.random.default_rng(seed)
    a, b = runs(rng, range(count)), runs(rng, range(count))
    ab, ba = compare(a, b), compare(b, a)
    assert ba.difference == pytest.approx(-ab.difference)
    if ab.difference:
        assert ba.bounds == pytest.approx((-ab.bounds[1], -ab.bounds[0]))
    assert ab == compare(a, b)
    same = compare(a, a)
    assert (same.difference, same.bounds, same.separable) == (0, (0, 0), False)
    assert ab.bounds[0] <= ab.difference <= ab.bounds[1]
    assert ab.separable == (ab.bounds[0] > 0 or ab.bounds[1] < 0)
    if ab.p is not None:
        assert ab.separable == (ab.p < 0.05)


def test_orders_are_averaged_and_their_images_aligned_by_task():
    rng = np.random.default_rng(0)
    first = pair_up(runs(rng, range(3)), runs(rng, range(3)))
    turned = ("t2", "t0", "t1")
    sizes = (50, 30, 40)
    classes = tuple(np.arange(n) % 7 for n in sizes)
    others = [runs(rng, range(3), sizes=sizes, tasks=turned, classes=classes) for _ in range(2)]
    second = pair_up(*others)
    found = paired_difference([first, second], [AVERAGE, AVERAGE])
    per_order = [paired_difference([each], [AVERAGE]) for each in (first, second)]
    assert found.difference == pytest.approx(np.mean([each.difference for each in per_order]))
    assert found.covers == ("images", "seeds")  # two orders are no sample of orders
    assert found.pairs == 6
    assert found.bounds[1] - found.bounds[0] < max(e.bounds[1] - e.bounds[0] for e in per_order)
    three = paired_difference([first, second, first], [AVERAGE] * 3)
    assert three.covers == ("images", "seeds", "orders")
    means = [e.difference for e in (*per_order, per_order[0])]
    expected = stats.ttest_1samp(means, 0).confidence_interval(0.95)
    assert three.training == pytest.approx((expected.low, expected.high))


def test_pairs_are_of_one_seed_each_where_there_are_any():
    rng = np.random.default_rng(0)
    pairs = pair_up(runs(rng, (0, 1, 2)), runs(rng, (1, 2, 5)))
    assert [(x.seed, y.seed) for x, y in zip(pairs.a, pairs.b, strict=True)] == [(1, 1), (2, 2)]
    assert pairs.unpaired == (0, 5)
    apart = pair_up(runs(rng, (0, 1)), runs(rng, (7, 8, 9)))
    assert [(x.seed, y.seed) for x, y in zip(apart.a, apart.b, strict=True)] == [(0, 7), (1, 8)]
    assert not apart.by_seed


def test_what_depends_on_no_seed_is_paired_with_every_seed():
    rng = np.random.default_rng(0)
    zero_shot = random_trial(rng, None)
    found = pair_up(runs(rng, range(3)), [zero_shot])
    assert (len(found), found.seeds) == (3, 3)
    assert set(map(id, found.b)) == {id(zero_shot)}
    assert pair_up([zero_shot], [random_trial(rng, None)]).seeds == 0
    assert isinstance(pair_up([zero_shot], runs(rng, range(3))), Pairs)


def test_other_images_tasks_and_orders_are_refused():
    rng = np.random.default_rng(0)
    a = random_trial(rng)
    others = tuple(np.zeros(n, dtype=int) for n in (30, 40, 50))
    with pytest.raises(RecordError, match="not asked about the same images of t0"):
        pair_up([a], [random_trial(rng, classes=others)])
    with pytest.raises(RecordError, match="not asked about the same images"):
        pair_up([a], [random_trial(rng, sizes=(31, 40, 50))])
    with pytest.raises(RecordError, match="only one of them has t2, x"):
        pair_up([a], [random_trial(rng, tasks=("t0", "t1", "x"))])
    with pytest.raises(RecordError, match="different orders"):
        pair_up([bare(np.eye(3))], [Trial(0, ("t1", "t0", "t2"), np.eye(3))])
    with pytest.raises(RecordError, match="nothing to compare"):
        pair_up([a], [])


def world(rng, *, seeds, sizes, advantage, training_noise, flips):
    """Two methods on images of their own difficulty; training moves whole tasks and single images."""
    tasks, found = len(sizes), []
    difficulty = [rng.normal(0, 1, n) for n in sizes]
    tastes = [rng.normal(0, 0.5, (2, n)) for n in sizes]  # what images suit which method
    for side in (0, 1):
        trials = []
        for seed in range(seeds):
            luck = rng.normal(0, training_noise, tasks)
            right = [
                d + t[side] + advantage * (side == 0) + luck[j] + rng.normal(0, flips, (tasks, len(d))) > 0
                for j, (d, t) in enumerate(zip(difficulty, tastes, strict=True))
            ]
            trials.append(trial(right, seed))
        found.append(trials)
    return found


@pytest.mark.parametrize(
    ("seeds", "noise", "flips"), [(3, 0.0, 0.1), (3, 0.05, 0.1), (3, 0.5, 0.1), (5, 0.1, 0.5), (10, 0.1, 0.1)]
)
def test_equal_methods_are_told_apart_in_about_five_of_a_hundred_worlds(seeds, noise, flips):
    rng = np.random.default_rng(int(1000 * noise) + seeds)
    weights = metric_weights(m.average, 2)
    worlds = 400
    wrong = sum(
        compare(
            *world(rng, seeds=seeds, sizes=(60, 90), advantage=0, training_noise=noise, flips=flips),
            weights,
        ).separable
        for _ in range(worlds)
    )
    # Rather too careful than too bold: never more than 5 % but for chance (two standard errors: 2.2 points).
    assert 0.005 <= wrong / worlds <= 0.072


def test_the_interval_covers_the_difference_of_all_seeds_and_images():
    """The truth is the same world with very many images and seeds."""
    weights = metric_weights(m.average, 2)
    make = partial(world, advantage=0.4, training_noise=0.15, flips=0.2)
    big = make(np.random.default_rng(1), seeds=150, sizes=(4000, 4000))
    truth = np.mean([m.average(x.matrix) - m.average(y.matrix) for x, y in zip(*big, strict=True)])
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(300):
        low, high = compare(*make(rng, seeds=3, sizes=(60, 90)), weights).bounds
        covered += low <= truth <= high
    assert 0.925 <= covered / 300 <= 0.995


def test_images_alone_would_promise_too_much_where_training_is_noisy():
    """Why a single seed's words must say so: its interval does not cover what another seed would give."""
    rng = np.random.default_rng(5)
    weights = metric_weights(m.average, 2)
    wrong = sum(
        compare(
            *world(rng, seeds=1, sizes=(60, 90), advantage=0, training_noise=0.5, flips=0.1),
            weights,
        ).separable
        for _ in range(150)
    )
    assert wrong / 150 > 0.2
