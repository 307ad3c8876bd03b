"""Label spaces side by side, and records seen in another than their primary one."""

from pathlib import Path

import numpy as np
import pytest
from clbench.boards import leaderboard, render
from clbench.boards.layouts.rendering import view_of
from clbench.cli import main
from clbench.results import metrics, read_record
from clbench.results.spaces import in_space
from clbench.results.statistics.paired import paired_difference
from clbench.results.statistics.pairs import metric_weights, pair_up
from clbench.results.statistics.trials import trial_of
from click.testing import CliRunner

RECORDS = Path(__file__).parents[3] / "leaderboards/mini/records/I"
BOTH = {"label_space": ["task", "union"], "method": ["gift", "zscl", "zero-shot"]}


@pytest.fixture(scope="module")
def board():
    return leaderboard([RECORDS], metrics=["average", "last"], only=BOTH)


def test_every_record_is_seen_in_every_space_that_is_named(board):
    assert [table.group.label_space for table in board.tables] == ["task", "union"]
    wide = {row.method: row for row in board.tables[1].rows}
    record = in_space(read_record(RECORDS / "gift-seed0"), "union")
    means = [in_space(read_record(RECORDS / f"gift-seed{s}"), "union").metrics.average for s in range(3)]
    assert record.metrics.average == pytest.approx(metrics.average(record.matrices["union"]))
    assert wide["gift"].values["average"].mean == pytest.approx(np.mean(means))
    assert wide["gift"].values["average"].covers == ("images", "seeds")
    assert wide["gift"].ranks is not None
    assert "table 2 is not comparable with table 1: different label_space" in render(board)


def test_spaces_stand_side_by_side_with_the_paired_drop(board):
    (grid,) = view_of(board, layout="label-spaces").grids(False)
    assert grid.spans == (("", 1), ("Average", 3), ("Last", 3))
    assert grid.headers[1:4] == ("task", "union", "union − task")
    row = next([cell.text for cell in cells] for cells in grid.rows if cells[0].text == "gift")
    runs = [read_record(RECORDS / f"gift-seed{seed}") for seed in range(3)]
    weights = metric_weights(metrics.average, 10)
    wide = [trial_of(in_space(run, "union")) for run in runs]
    found = paired_difference([pair_up(wide, [trial_of(run) for run in runs])], [weights])
    half = (found.bounds[1] - found.bounds[0]) / 2
    assert row[3] == f"−{-found.difference:.2f} ± {half:.2f}"
    assert any("what more classes cost" in note for note in grid.notes)


def test_the_same_for_programs(board):
    frame = view_of(board, layout="label-spaces").frame()
    gift = frame[(frame.method == "gift") & (frame.metric == "average")].set_index("label_space")
    assert gift.change["union"] == pytest.approx(gift.value["union"] - gift.value["task"])
    assert np.isnan(gift.change["task"])


def test_one_space_alone_has_nothing_beside_it():
    board = leaderboard([RECORDS], only={"label_space": ["task"], "method": ["gift"]})
    (grid,) = view_of(board, layout="label-spaces").grids(False)
    assert grid.headers == ("Method", "task", "task", "task")
    assert any(note.startswith("nothing stands beside the label space task") for note in grid.notes)


def test_commands_show_label_spaces(tmp_path):
    def clbench(*args):
        return CliRunner().invoke(main, [str(arg) for arg in args])

    wide = clbench("leaderboard", RECORDS, "--methods", "gift,zscl", "--label-space", "union", "-f", "csv")
    assert {line.split(",")[8] for line in wide.stdout.splitlines()[1:]} == {"union"}
    told = clbench(
        "compare", "zscl", "gift", "--runs", RECORDS, "--label-space", "union", "--metrics", "last"
    )
    assert "label space union" in told.stdout
    every = clbench(
        "compare", "zscl", "gift", "diki", "--runs", RECORDS, "--label-space", "all", "--metrics", "last"
    )
    assert [f"label space {space}" in every.stdout for space in ("task", "seen", "union")] == [True] * 3
    drawn = clbench(
        "plot",
        RECORDS,
        "--methods",
        "gift",
        "--label-space",
        "union",
        "-k",
        "matrix",
        "-f",
        "svg",
        "-o",
        tmp_path,
    )
    assert drawn.exit_code == 0, drawn.output
    [file] = tmp_path.glob("*.svg")
    assert "label space union" in file.read_text(encoding="utf-8")
    odd = clbench("plot", RECORDS, "--label-space", "everything", "-o", tmp_path)
    assert "label space" in odd.output
    assert odd.exit_code == 2
