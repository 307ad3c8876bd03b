import math

import pytest
from clbench.boards import board_of, leaderboard
from clbench.errors import RecordError, UnknownNameError
from clbench.results import Failure, mean_interval, metrics, write_record
from clbench.specs import MetricSpec
from clbench.testing.records import make_record
from hypothesis import given, settings
from hypothesis import strategies as st

FAILURE = Failure(task="t1", step=12, error="loss became NaN\n  why: too fast", kind="NotFiniteError")


def square(value: float):
    return [[value, value], [value, value]]


def failed(**arguments):
    record = make_record(**arguments)
    return record.evolve(status="failed", metrics=None, failure=FAILURE, matrices={"task": ()})


def methods(board, table=0):
    return [row.method for row in board.tables[table].rows]


def test_seeds_are_averaged_with_their_interval():
    matrices = [[[80, 40], [70, 90]], [[81, 43], [72, 91]], [[79, 44], [71, 95]]]
    board = board_of([make_record(A, seed=s, method="zscl") for s, A in enumerate(matrices)])
    row = next(r for r in board.tables[0].rows if r.method == "zscl")
    assert row.seeds == 3
    for name in ("transfer", "average", "last"):
        expected = mean_interval([metrics.METRICS[name](A) for A in matrices])
        assert row.values[name].mean == expected.mean
        assert row.values[name].half_width == pytest.approx(expected.half_width)
        assert row.values[name].covers == ("seeds",)


def test_rows_are_sorted_by_average_and_the_zero_shot_row_is_among_them():
    records = [make_record(square(v), method=m) for v, m in ((60, "b"), (70, "a"), (40, "c"))]
    board = board_of([*records, failed(method="d")])
    assert methods(board) == ["a", "b", "zero-shot", "c", "d"]
    zero_shot = board.tables[0].rows[2]
    assert (zero_shot.kind, zero_shot.seeds) == ("reference", None)
    assert {n: i.mean for n, i in zero_shot.values.items()} == {"transfer": 50, "average": 50, "last": 50}


def test_a_recorded_zero_shot_run_replaces_the_added_row():
    record = make_record(square(50), method="zero-shot", method_fields={"protocol": "zero_shot"})
    row = board_of([record]).tables[0].rows
    assert [(r.method, r.kind, r.seeds) for r in row] == [("zero-shot", "reference", 1)]


def test_zero_shot_rows_that_disagree_are_said_to():
    same = [make_record(seed=seed) for seed in (0, 1)]
    assert not [note for note in board_of(same).tables[0].notes if "zero-shot" in note]
    board = board_of([*same, make_record(seed=2, zero_shot=(50.0, 51.0))])
    (note,) = [note for note in board.tables[0].notes if "zero-shot" in note]
    assert "2 different zero-shot rows, up to 1.00 points apart in toy seed 0" in note


def test_no_zero_shot_row_for_seen_classes():
    assert methods(board_of([make_record(label_space="seen")])) == ["toy"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"protocol": {"templates": "x"}}, "templates"),
        ({"protocol": {"test_split": "x"}}, "test_split"),
        ({"order": "reversed"}, "order"),
        ({"backbone": "vit"}, "backbone"),
        ({"stream": "other"}, "stream"),
        ({"label_space": "union"}, "label_space"),
    ],
)
def test_what_may_not_be_compared_stands_in_another_table(change, field):
    board = board_of([make_record(seed=0), make_record(seed=1, **change), make_record(seed=2)])
    assert sorted(r.seeds for t in board.tables for r in t.rows if r.method == "toy") == [1, 2]
    assert len(board.tables) == 2
    assert board.notes == (f"table 2 is not comparable with table 1: different {field}",)
    assert sorted(board.frame.loc[board.frame.method == "toy", "seeds"]) == [1, 2]


def test_another_task_sequence_of_the_same_name_is_not_averaged():
    wide = make_record([[1, 2, 3], [4, 5, 6], [7, 8, 9]], seed=1)
    board = board_of([make_record(), wide])
    assert len(board.tables) == 2
    assert "different tasks" in board.notes[0]


def test_settings_make_rows_of_their_own():
    board = board_of(
        [
            make_record(square(70), settings={"l2": 1.0, "lr": 0.1}),
            make_record(square(60), settings={"l2": 0.0, "lr": 0.1}, sources={"l2": "user"}),
            make_record(square(62), settings={"l2": 0.0, "lr": 0.1}, sources={"l2": "user"}, seed=1),
        ]
    )
    assert [(r.method, r.seeds) for r in board.tables[0].rows] == [
        ("toy", 1),
        ("toy (l2=0)", 2),
        ("zero-shot", None),
    ]


def test_a_default_typed_by_hand_is_the_default():
    settings = {"l2": 1.0}
    board = board_of(
        [make_record(settings=settings), make_record(settings=settings, sources={"l2": "user"}, seed=1)]
    )
    assert [(r.method, r.seeds) for r in board.tables[0].rows if r.kind == "ranked"] == [("toy", 2)]


def test_equal_labels_are_told_apart_by_what_differs():
    board = board_of(
        [
            make_record(square(70), settings={"steps": 1000, "lr": 0.1}),
            make_record(square(60), settings={"steps": 200, "lr": 0.1}, sources={"steps": "tuned"}),
            make_record(square(55), method_fields={"version": "2.0"}, settings={"steps": 200, "lr": 0.1}),
            make_record(square(51), settings={"steps": 200, "lr": 0.1}, generator="sd15"),
        ]
    )
    labels = methods(board)[:4]
    assert len(set(labels)) == 4
    assert labels[0] == "toy (steps=1000, generator=None, version=1.0)"
    assert labels[2] == "toy (steps=200, generator=None, version=2.0)"


def test_one_record_counts_for_a_seed():
    board = board_of([make_record(square(60), minutes=5), make_record(square(70), minutes=9)])
    row = board.tables[0].rows[0]
    assert (row.seeds, row.values["last"].mean) == (1, 70)
    assert "left out 1 older" in board.tables[0].notes[0]


def test_a_finished_record_counts_before_a_later_failure():
    board = board_of([failed(minutes=9), make_record(square(60), minutes=1)])
    assert [r.status for r in board.tables[0].rows] == ["finished", "finished"]


def test_failed_and_running_rows_tell_why():
    running = make_record(method="diki").evolve(
        status="running", metrics=None, matrices={"task": ((80.0, 40.0),)}
    )
    board = board_of([make_record(), failed(seed=1), running])
    rows = {(r.method, r.status): r for r in board.tables[0].rows}
    assert rows["toy", "failed"].reason == "seed 1: NotFiniteError in task t1, step 12: loss became NaN"
    assert rows["diki", "running"].reason == "seed 0: 1 of 2 tasks done"
    assert rows["toy", "finished"].seeds == 1
    assert rows["toy", "failed"].values == {}


def test_missing_metrics_are_missing():
    joint = make_record(
        [[None, None], [50, 60]], method_fields={"protocol": "joint"}, notes=("all\nat once",)
    )
    board = board_of([joint])
    row = next(r for r in board.tables[0].rows if r.method == "toy")
    assert set(row.values) == {"last"}
    assert board.tables[0].notes == ("toy: all at once",)
    assert math.isnan(board.frame.set_index("method").loc["toy", "transfer"])


def largest(A):
    return float(max(max(row) for row in A))


def broken(A):
    raise RuntimeError("no")


def test_metrics_of_plugins(caplog):
    here = __name__
    import sys

    sys.modules.setdefault(here, sys.modules[largest.__module__])
    extra = [
        MetricSpec(name="peak", title="Peak", summary="", factory=f"{largest.__module__}:largest"),
        MetricSpec(name="bad", title="Bad", summary="", factory=f"{largest.__module__}:broken"),
    ]
    board = board_of([make_record()], metrics=["peak", "forgetting", "bad"], extra=extra)
    row = next(r for r in board.tables[0].rows if r.method == "toy")
    assert {n: i.mean for n, i in row.values.items()} == {"peak": 90, "forgetting": -10}
    assert "metric bad failed: RuntimeError: no" in caplog.text
    with pytest.raises(UnknownNameError, match="did you mean 'average'"):
        board_of([], metrics=["avrage"])


def test_assumptions_stand_beside_the_row():
    fields = {
        "assumptions": {"extra_data": True, "task_identity": "inferred", "external_models": ("SD 1.5",)}
    }
    board = board_of([make_record(method_fields=fields)])
    assert board.frame.set_index("method").loc["toy", "uses"] == "reference data, task id inferred, SD 1.5"


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=12))
@settings(max_examples=30, deadline=None)
def test_every_seed_of_a_protocol_counts_once_and_order_does_not_matter(runs):
    records = [
        make_record(square(10.0 * s), seed=s, protocol={"templates": str(p)}, minutes=n)
        for n, (p, s) in enumerate(runs)
    ]
    board = board_of(records)
    found = sorted(r.seeds for t in board.tables for r in t.rows if r.kind == "ranked")
    assert found == sorted(len({s for q, s in runs if q == p}) for p in {p for p, _ in runs})
    again = board_of(reversed(records))
    assert again.frame.equals(board.frame)


def test_leaderboard_of_folders(tmp_path):
    write_record(tmp_path / "a", make_record())
    (tmp_path / "b").mkdir()
    (tmp_path / "b/record.json").write_text("{")
    board = leaderboard([tmp_path])
    assert methods(board) == ["toy", "zero-shot"]
    assert len(board.notes) == 1
    assert "b/record.json is not JSON" in board.notes[0]
    with pytest.raises(RecordError, match="nothing at"):
        leaderboard([tmp_path / "c"])
