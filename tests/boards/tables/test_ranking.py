"""Rank groups on leaderboards."""

import numpy as np
import pytest
from clbench.boards import board_of, leaderboard, render
from clbench.boards.tables import ranking
from clbench.specs import MetricSpec
from clbench.testing.records import make_record, make_run


@pytest.fixture
def records(tmp_path):
    """Two alike and one worse, three seeds each; a reference; one with a single seed."""
    rng = np.random.default_rng(0)
    for name, skill, seeds in (("best", 0.8, 3), ("alike", 0.79, 3), ("worse", 0.5, 3), ("lonely", 0.78, 1)):
        for seed in range(seeds):
            right = [rng.random((2, 150)) < skill for _ in range(2)]
            make_run(tmp_path / f"{name}-{seed}", right, method=name, seed=seed)
    joint = [rng.random((2, 150)) < 0.95 for _ in range(2)]
    for seed in range(3):
        fields = {"method": "joint", "seed": seed, "method_fields": {"protocol": "joint"}}
        make_run(tmp_path / f"joint-{seed}", joint, **fields)
    return tmp_path


def groups(board):
    return {row.method: row.group for row in board.tables[0].rows}


def notes(board):
    return " | ".join(board.tables[0].notes)


def test_groups_stand_beside_rows_and_a_note_says_what_they_are(records):
    board = leaderboard([records])
    found = groups(board)
    assert (found["best"], found["alike"], found["worse"]) == (1, 1, 2)
    assert found["joint"] is None
    assert found["zero-shot"] is None
    assert found["lonely"] is None
    said = notes(board)
    assert "rank groups of Average" in said
    assert "over test images and 3 seeds at 95 % (Holm)" in said
    assert "get no group: lonely" in said
    assert "Rank group" in render(board, "text")
    assert list(board.frame[board.frame.method == "worse"].group) == [2]


def test_the_metric_that_sorts_is_the_one_that_ranks(records):
    assert "rank groups of Last" in notes(leaderboard([records], sort="last"))
    assert "rank groups of Average" in notes(leaderboard([records], sort="method"))


def test_a_metric_that_is_no_mean_has_none(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        for seed in range(3):
            right = [rng.random((3, 20)) < 0.5 for _ in range(3)]
            make_run(tmp_path / f"{name}{seed}", right, method=name, seed=seed)
    board = leaderboard([tmp_path], metrics=["forgetting-max"])
    assert set(groups(board).values()) == {None}
    assert "no rank groups: Forgetting (max) is no mean of accuracies" in notes(board)


def moody(A):
    """A plugin's metric that cannot take every matrix."""
    if not np.asarray(A).all():
        raise ZeroDivisionError("an accuracy of 0")
    return float(np.mean(A))


def test_a_plugins_metric_that_fails_on_some_matrices_costs_no_table(records):
    spec = MetricSpec(name="moody", title="Moody", summary="a mean", factory=f"{moody.__module__}:moody")
    board = leaderboard([records], metrics=["moody"], extra=[spec])
    assert {row.method for row in board.tables[0].rows} > {"best", "alike", "worse"}
    assert set(groups(board).values()) == {None}


def test_without_predictions_seeds_alone_are_said_to_be_all(records):
    for file in records.rglob("predictions.npz"):
        file.unlink()
    board = leaderboard([records])
    assert groups(board)["worse"] == 2
    assert "paired over 3 seeds at 95 %" in notes(board)


def test_one_without_predictions_is_named(records):
    for seed in range(3):
        (records / f"worse-{seed}" / "predictions.npz").unlink()
    assert "over seeds alone, for want of predictions: worse" in notes(leaderboard([records]))


def test_damaged_predictions_cost_one_row_its_group_and_no_more(records):
    (records / "alike-1" / "predictions.npz").write_bytes(b"damaged")
    board = leaderboard([records])
    found = groups(board)
    assert found["alike"] is None
    assert (found["best"], found["worse"]) == (1, 2)
    assert "alike: no rank group" in notes(board)


def test_other_test_images_under_one_fingerprint_are_said(records):
    right = [np.ones((2, 150), dtype=bool), np.ones((2, 149), dtype=bool)]
    for seed in range(3):
        make_run(records / f"odd-{seed}", right, method="odd", seed=seed)
    board = leaderboard([records])
    assert set(groups(board).values()) == {None}
    assert "no rank groups: the runs cannot be compared" in notes(board)


def test_single_seeds_claim_nothing(tmp_path):
    for name in ("a", "b"):
        make_run(tmp_path / name, [np.ones((2, 30)), np.zeros((2, 30))], method=name)
    board = leaderboard([tmp_path])
    assert set(groups(board).values()) == {None}
    assert notes(board) == ""
    assert "Rank group" not in render(board, "text")


def test_many_records_wait_until_asked(records, monkeypatch):
    monkeypatch.setattr(ranking, "QUICK", 5)
    board = leaderboard([records])
    assert set(groups(board).values()) == {None}
    assert any("--groups computes them" in note for note in board.notes)
    assert groups(leaderboard([records], groups=True))["worse"] == 2
    assert set(groups(leaderboard([records], groups=False)).values()) == {None}


def test_records_alone_claim_none():
    board = board_of([make_record(method=name, seed=s) for name in ("a", "b") for s in range(3)])
    assert set(groups(board).values()) == {None}
