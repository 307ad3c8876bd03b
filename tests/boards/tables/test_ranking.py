"""Ranks and letters on leaderboards, and what the ± of their figures is."""

import numpy as np
import pytest
from clbench.boards import board_of, leaderboard, render
from clbench.boards.comparison.comparing import compare_sides
from clbench.boards.comparison.many import compare_many
from clbench.boards.comparison.sides import find_side
from clbench.boards.comparison.standings import render_standings
from clbench.boards.comparison.words import comparison_words
from clbench.boards.layouts.views import Options
from clbench.boards.tables import building
from clbench.results import load_records
from clbench.results.regrouping import add_groups
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


def ranks(board):
    return {row.method: row.ranks for row in board.tables[0].rows}


def letters(board):
    return {row.method: row.letters for row in board.tables[0].rows}


def notes(board):
    return " | ".join(board.tables[0].notes)


def test_ranks_stand_beside_rows_and_a_note_says_what_they_are(records):
    board = leaderboard([records])
    found = ranks(board)
    assert (found["best"], found["alike"], found["worse"]) == ((1, 2), (1, 2), (3, 3))
    assert (letters(board)["best"], letters(board)["alike"], letters(board)["worse"]) == ("a", "a", "b")
    assert found["joint"] is None
    assert found["zero-shot"] is None
    assert found["lonely"] is None
    said = notes(board)
    assert "ranks of Average: best and worst place that paired tests of all 3 pairs leave" in said
    assert "over test images and seeds; rows that share a letter are not separable" in said
    assert "get no rank: lonely" in said
    text = render(board, "text")
    assert "1–2" in text
    frame = board.frame[board.frame.method == "worse"]
    assert [list(frame[name]) for name in ("rank_best", "rank_worst", "letters")] == [[3], [3], ["b"]]


def test_one_line_says_what_plus_minus_is(records):
    board = leaderboard([records])
    [said] = [note for note in board.tables[0].notes if note.startswith("±")]
    assert said.startswith("±: 95 % interval over test images and training seeds; ")
    assert "test images alone, one seed says nothing of training: lonely" in said
    assert "test images alone, for there is no training: zero-shot" in said
    assert said in render(board, "md")
    assert "±" not in render(board, "text", options=Options(spread=False))


def test_a_note_says_that_alike_images_are_drawn_together_and_where_they_are_not(records):
    assert "drawn together" not in notes(leaderboard([records]))
    narrow = {row.method: row.values["last"].half_width for row in leaderboard([records]).tables[0].rows}
    for name in ("best", "alike", "worse"):
        for seed in range(3):
            add_groups(records / f"{name}-{seed}", {"t0": np.arange(150) // 2}, "a plugin 1")
    board = leaderboard([records])
    assert (
        "test images that are alike, as the stream names them, are drawn together: 225 draws of 300 images; "
        "one by one, recorded before it named them: joint, lonely"
    ) in notes(board)
    now = {row.method: row.values["last"].half_width for row in board.tables[0].rows}
    assert (now["lonely"], now["joint"]) == (narrow["lonely"], narrow["joint"])
    assert now["worse"] != narrow["worse"]
    sides = [find_side(name, load_records([records]).stored) for name in ("best", "worse")]
    (found,) = compare_sides(*sides, ["last"])
    assert "Intervals are over groups of test images and training seeds." in comparison_words(found)[0]
    (standing,) = compare_many(sides, ["last"])
    assert "over groups of test images and training seeds" in render_standings([standing], "text")


def test_seeds_that_are_alike_are_deterministic_and_not_plus_minus_nothing(tmp_path):
    rng = np.random.default_rng(0)
    right = [rng.random((2, 150)) < 0.7 for _ in range(2)]
    for seed in range(3):
        make_run(tmp_path / str(seed), right, method="sure", seed=seed)
    board = leaderboard([tmp_path])
    assert "deterministic, seeds give equal results to the last bit: sure" in notes(board)
    interval = board.tables[0].rows[0].values["average"]
    assert interval.half_width > 1  # of test images
    for file in tmp_path.rglob("predictions.npz"):
        file.unlink()
    bare = leaderboard([tmp_path])
    assert bare.tables[0].rows[0].values["average"].half_width is None
    assert "±" not in render(bare, "text")


def test_the_metric_that_sorts_is_the_one_that_ranks(records):
    assert "ranks of Last" in notes(leaderboard([records], sort="last"))
    assert "ranks of Average" in notes(leaderboard([records], sort="method"))


def test_a_metric_that_is_no_mean_has_none(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        for seed in range(3):
            right = [rng.random((3, 20)) < 0.5 for _ in range(3)]
            make_run(tmp_path / f"{name}{seed}", right, method=name, seed=seed)
    board = leaderboard([tmp_path], metrics=["forgetting-max"])
    assert set(ranks(board).values()) == {None}
    assert "no ranks: Forgetting (max) is no mean of accuracies" in notes(board)


def moody(A):
    """A plugin's metric that cannot take every matrix."""
    if not np.asarray(A).all():
        raise ZeroDivisionError("an accuracy of 0")
    return float(np.mean(A))


def test_a_plugins_metric_that_fails_on_some_matrices_costs_no_table(records):
    spec = MetricSpec(name="moody", title="Moody", summary="a mean", factory=f"{moody.__module__}:moody")
    board = leaderboard([records], metrics=["moody"], extra=[spec])
    assert {row.method for row in board.tables[0].rows} > {"best", "alike", "worse"}
    assert set(ranks(board).values()) == {None}


def test_without_predictions_seeds_alone_are_said_to_be_all(records):
    for file in records.rglob("predictions.npz"):
        file.unlink()
    board = leaderboard([records])
    assert ranks(board)["worse"] == (3, 3)
    assert "leave, over seeds; rows" in notes(board)
    assert "±: 95 % interval over training seeds alone, for want of predictions" in notes(board)


def test_one_without_predictions_is_named(records):
    for seed in range(3):
        (records / f"worse-{seed}" / "predictions.npz").unlink()
    assert "training seeds alone, for want of predictions: worse" in notes(leaderboard([records]))


def test_damaged_predictions_are_said_and_cost_one_row_its_test_images_and_no_more(records):
    (records / "alike-1" / "predictions.npz").write_bytes(b"damaged")
    board = leaderboard([records])
    assert ranks(board)["worse"] == (3, 3)
    assert "alike: predictions are not used: " in notes(board)
    [row] = [row for row in board.tables[0].rows if row.method == "alike"]
    assert row.values["average"].covers == ("seeds",)


def test_other_test_images_under_one_fingerprint_are_said(records):
    right = [np.ones((2, 150), dtype=bool), np.ones((2, 149), dtype=bool)]
    for seed in range(3):
        make_run(records / f"odd-{seed}", right, method="odd", seed=seed)
    board = leaderboard([records])
    assert set(ranks(board).values()) == {None}
    assert "no ranks: the runs cannot be compared" in notes(board)


def test_single_seeds_claim_nothing(tmp_path):
    for name in ("a", "b"):
        make_run(tmp_path / name, [np.ones((2, 30)), np.zeros((2, 30))], method=name)
    board = leaderboard([tmp_path])
    assert set(ranks(board).values()) == {None}
    assert "ranks of" not in notes(board)
    assert "Letters" not in render(board, "text")


def test_many_records_wait_until_asked(records, monkeypatch):
    monkeypatch.setattr(building, "QUICK", 5)
    board = leaderboard([records])
    assert set(ranks(board).values()) == {None}
    assert any("--ranks computes both" in note for note in board.notes)
    assert ranks(leaderboard([records], ranks=True))["worse"] == (3, 3)
    assert set(ranks(leaderboard([records], ranks=False)).values()) == {None}


def test_records_alone_are_compared_over_their_seeds():
    board = board_of([make_record(method=name, seed=s) for name in ("a", "b") for s in range(3)])
    assert (ranks(board)["a"], ranks(board)["b"]) == ((1, 2), (1, 2))
    assert "leave, over seeds; rows" in notes(board)
