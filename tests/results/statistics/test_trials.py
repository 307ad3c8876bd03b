"""Runs as statistics see them, read from records and predictions."""

import json

import numpy as np
import pytest
from clbench.errors import RecordError
from clbench.results import read_record
from clbench.results.statistics.trials import check_same_images, load_trial, zero_shot_trial
from clbench.testing.records import make_record, make_run


def right(seed=0, sizes=(12, 30)):
    rng = np.random.default_rng(seed)
    return [rng.random((len(sizes), n)) < 0.6 for n in sizes]


def test_a_run_with_predictions(tmp_path):
    given = right()
    record = make_run(tmp_path, given, seed=4)
    trial = load_trial(read_record(tmp_path), tmp_path)
    assert (trial.seed, trial.tasks) == (4, ("t0", "t1"))
    assert np.array_equal(trial.matrix, np.array(record.matrix))
    for found, expected in zip(trial.right, given, strict=True):
        assert np.array_equal(found, expected)


def test_without_predictions_there_is_the_matrix_alone(tmp_path):
    record = make_run(tmp_path, right())
    trial = load_trial(record)
    assert trial.right is None
    assert trial.matrix.tolist() == [list(row) for row in record.matrix]
    assert load_trial(make_record(), tmp_path).right is None


def test_the_zero_shot_model_depends_on_no_seed(tmp_path):
    first = [r[0] for r in right(3)]
    record = make_run(tmp_path, right(), zero_shot=first)
    trial = zero_shot_trial(record, tmp_path)
    assert trial.seed is None
    assert trial.matrix.tolist() == [list(record.zero_shot["task"])] * 2
    for rows, expected in zip(trial.right, first, strict=True):
        assert np.array_equal(rows, [expected, expected])
    method = make_record(method_fields={"protocol": "zero_shot"})
    assert load_trial(method).seed is None
    assert zero_shot_trial(make_record(label_space="seen")) is None


def test_unfinished_changed_and_incomplete_runs_are_errors(tmp_path):
    running = make_record([[80.0, 40.0]], status="running")
    with pytest.raises(RecordError, match="running"):
        load_trial(running)
    record = make_run(tmp_path / "a", right())
    other = make_run(tmp_path / "b", right(1))
    with pytest.raises(RecordError, match="not the file that the record names"):
        load_trial(record, tmp_path / "b")
    swapped = record.evolve(predictions=other.predictions)
    with pytest.raises(RecordError, match="do not give its accuracies") as caught:
        load_trial(swapped, tmp_path / "b")
    assert f"clbench rescore {tmp_path / 'b'}" in str(caught.value)
    (tmp_path / "a" / "predictions.npz").unlink()
    with pytest.raises(RecordError, match="cannot read"):
        load_trial(record, tmp_path / "a")


def test_images_are_the_same_whatever_the_order_of_tasks(tmp_path):
    one, two = right(sizes=(12, 30))
    a = make_run(tmp_path / "I", [one, two], order="I")
    b = make_run(tmp_path / "II", [two, one], order="II", order_of=["t1", "t0"])
    trials = [load_trial(r, tmp_path / r.stream.order) for r in (a, b)]
    assert trials[1].tasks == ("t1", "t0")
    check_same_images(*trials)
    c = make_run(tmp_path / "other", [one, two[:, :29]])
    with pytest.raises(RecordError, match="same images of t1"):
        check_same_images(trials[0], load_trial(c, tmp_path / "other"))


def test_make_run_writes_what_a_reader_accepts(tmp_path):
    make_run(tmp_path, right(), method="made-up", order="II", seed=3)
    document = json.loads((tmp_path / "record.json").read_text())
    assert document["method"]["name"] == "made-up"
    assert [task["test"] for task in document["stream"]["tasks"]] == [12, 30]
    assert (tmp_path / "predictions.npz").exists()
