"""Rival definitions as columns of a board."""

import pytest
from clbench.boards import board_of, render
from clbench.errors import UnknownNameError
from clbench.testing.records import make_record


def test_a_board_labels_a_rival_and_says_what_it_is():
    A = [[80.0, 40.0, 10.0], [70.0, 90.0, 30.0], [60.0, 85.0, 95.0]]
    board = board_of([make_record(A)], metrics=["transfer", "transfer-rows", "average-seen-images", "bwt"])
    row = next(row for row in board.tables[0].rows if row.method == "toy")
    assert row.values["transfer"].mean == pytest.approx(30)
    assert row.values["transfer-rows"].mean == pytest.approx(27.5)
    assert row.values["average-seen-images"].mean == pytest.approx(80)  # all tasks have 100 images
    text = render(board, "text")
    assert "Transfer (row means)" in text
    assert "Transfer (row means) is not the Transfer of MTIL papers" in text
    assert "mean over i < T-1 of mean over j > i of A[i, j]" in text
    assert "Average (seen images) is not the Average of MTIL papers" in text
    assert "BWT (GEM) is not" not in text


def test_the_zero_shot_row_has_them_too():
    board = board_of([make_record(zero_shot=(60.0, 20.0))], metrics=["last-images", "transfer-pooled"])
    zero_shot = next(row for row in board.tables[0].rows if row.method == "zero-shot")
    assert zero_shot.values["last-images"].mean == pytest.approx(40)
    assert zero_shot.values["transfer-pooled"].mean == pytest.approx(20)


def test_a_mistyped_name_is_answered_with_near_ones():
    with pytest.raises(UnknownNameError, match="transfer-rows") as caught:
        board_of([make_record()], metrics=["transfer-row"])
    assert "clbench list metrics" in str(caught.value)
