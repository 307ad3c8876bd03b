"""Other definitions than the standard ones: what they are, where they agree, and by how much they differ."""

import csv
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from clbench.definitions import METRICS, RIVALS
from clbench.plugins.checks import check_spec
from clbench.results import metrics as m
from clbench.results import rival_metrics as rival
from clbench.specs import MetricSpec, load_reference
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

PUBLISHED = Path(__file__).parents[2] / "leaderboards/published/matrices"
INDEX = list(csv.DictReader((PUBLISHED / "index.csv").open()))
matrices = st.integers(2, 7).flatmap(lambda t: arrays(np.float64, (t, t), elements=st.floats(0, 100)))
SPECS = {spec.name: spec for spec in (*METRICS, *RIVALS)}


def value(name, A, images=None):
    spec = SPECS[name]
    given_ = {"test_images": images or [1] * len(A)} if spec.needs else {}
    return load_reference(spec.factory)(A, **given_)


def published(method):
    (entry,) = [e for e in INDEX if e["method"] == method]
    return pd.read_csv(PUBLISHED / entry["file"], index_col=0)


def test_hand_computed_example():
    A = [[80, 40, 10], [70, 90, 30], [60, 85, 95]]
    n = [100, 300, 600]
    assert rival.transfer_rows(A) == pytest.approx((25 + 30) / 2)
    assert rival.transfer_pooled(A) == pytest.approx(80 / 3)
    assert rival.average_seen(A) == pytest.approx((80 + 80 + 80) / 3)
    seen = (8000 / 100, (7000 + 27000) / 400, (6000 + 25500 + 57000) / 1000)
    assert rival.average_seen_images(A, test_images=n) == pytest.approx(sum(seen) / 3)
    assert rival.average_seen_pooled(A) == pytest.approx((80 + 70 + 90 + 60 + 85 + 95) / 6)
    assert rival.last_images(A, test_images=n) == pytest.approx(88.5)
    assert rival.bwt(A) == pytest.approx((-20 - 5) / 2)
    assert rival.bwt_pooled(A) == pytest.approx((-10 - 20 - 5) / 3)
    assert rival.forgetting_max(A) == pytest.approx((20 + 5) / 2)
    assert rival.preserve(A) == pytest.approx((70 + 60 + 85) / 3)


def test_a_task_that_ends_at_its_best_is_not_forgotten():
    A = [[80, 0, 0], [70, 40, 0], [85, 45, 90]]
    assert rival.forgetting_max(A) == pytest.approx((80 - 85 + 40 - 45) / 2)


@given(st.integers(2, 7), st.floats(0, 100), st.data())
@settings(max_examples=30, deadline=None)
def test_all_agree_on_a_matrix_of_one_value(tasks, accuracy, data):
    A = np.full((tasks, tasks), accuracy)
    images = data.draw(st.lists(st.integers(1, 1000), min_size=tasks, max_size=tasks))
    for name in sorted(SPECS):
        change = "forgetting" in (name, SPECS[name].rival_of) or name == "bwt"
        assert value(name, A, images) == pytest.approx(0 if change else accuracy, abs=1e-9)


@given(matrices)
@settings(max_examples=30, deadline=None)
def test_relations(A):
    t = len(A)
    upper, lower = t * (t - 1) / 2, t * (t + 1) / 2
    whole = rival.transfer_pooled(A) * upper + rival.average_seen_pooled(A) * lower
    assert whole == pytest.approx(m.average(A) * t * t)
    assert rival.bwt(A) == m.forgetting(A)
    # Images that are as many for each task change nothing.
    assert rival.average_seen_images(A, test_images=[7] * t) == pytest.approx(rival.average_seen(A))
    assert rival.last_images(A, test_images=[7] * t) == pytest.approx(m.last(A))
    # The best accuracy is at least the one right after learning.
    assert rival.forgetting_max(A) >= -m.forgetting(A) - 1e-9


@given(st.lists(st.floats(0, 100), min_size=2, max_size=7))
@settings(max_examples=30, deadline=None)
def test_transfer_of_equal_columns_does_not_depend_on_how_rows_are_weighed(row):
    """All rows alike: the standard is the mean of the tasks, the pooled one weighs late ones more."""
    A = np.array([row] * len(row))
    weights = np.arange(len(row))
    assert m.transfer(A) == pytest.approx(np.mean(row[1:]))
    assert rival.transfer_pooled(A) == pytest.approx(np.average(row, weights=weights))


@given(matrices, st.data())
@settings(max_examples=30, deadline=None)
def test_they_see_only_the_entries_they_need(A, data):
    noise = data.draw(arrays(np.float64, A.shape, elements=st.floats(0, 100)))
    upper = np.triu(np.ones(A.shape, dtype=bool), 1)
    for name in ("transfer-rows", "transfer-pooled"):
        assert value(name, np.where(upper, A, noise)) == value(name, A)
    for name in ("average-seen", "average-seen-pooled", "bwt-pooled", "forgetting-max", "preserve"):
        assert value(name, np.where(upper, noise, A)) == value(name, A)


@pytest.mark.parametrize("name", sorted(SPECS))
def test_a_missing_value_and_a_wrong_shape_are_errors(name):
    with pytest.raises(m.MatrixError):
        value(name, np.full((3, 3), math.nan))
    with pytest.raises(m.MatrixError, match="square"):
        value(name, [[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize("images", [[1, 2], [1, 2, 0], [[1, 2, 3]]])
def test_wrong_counts_of_images_are_errors(images):
    with pytest.raises(m.MatrixError, match="test_images"):
        rival.last_images(np.eye(3), test_images=images)


def test_readings_of_transfer_move_published_figures_by_up_to_4_7_points_and_swap_ranks():
    moved = {}
    for entry in INDEX:
        A = published(entry["method"])
        moved[entry["method"]] = rival.transfer_rows(A) - m.transfer(A)
    assert max(map(abs, moved.values())) == pytest.approx(4.68, abs=0.005)
    assert min(moved, key=moved.get) == "LwF"
    lwf, icarl = published("LwF"), published("iCaRL")
    assert m.transfer(lwf) > m.transfer(icarl) + 6
    assert rival.transfer_rows(lwf) < rival.transfer_rows(icarl) - 2


def test_preserve_is_the_one_that_fits_what_leba_prints_of_two_methods():
    assert f"{rival.preserve(published('ZSCL')):.1f}" == "80.0"
    assert f"{rival.preserve(published('iCaRL')):.1f}" == "74.8"


def test_specs_are_good_and_complete():
    assert len(SPECS) == len(METRICS) + len(RIVALS)
    for spec in SPECS.values():
        assert list(check_spec(spec)) == []
        assert spec.formula
        assert spec.source
        assert spec.rival_of in ("", *m.METRICS)
    assert len({spec.title for spec in SPECS.values()}) == len(SPECS)
    assert not {spec.title for spec in RIVALS} & {spec.title for spec in METRICS}


def test_wrong_needs_are_refused():
    spec = MetricSpec(name="x", title="X", summary="x", factory="a:b", needs=("predictions",))
    (mistake,) = check_spec(spec)
    assert "test_images" in mistake
