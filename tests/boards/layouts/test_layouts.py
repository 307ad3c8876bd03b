"""Layouts, columns and orders of a board, at what a reader sees and a program gets."""

import numpy as np
import pytest
from clbench.boards import board_of, render
from clbench.boards.layouts.byname import LAYOUTS
from clbench.boards.layouts.rendering import view_of
from clbench.boards.layouts.views import Options
from clbench.boards.tables.columns import FIELDS
from clbench.errors import ConfigError, UnknownNameError
from clbench.results import Resources, StreamRecord, metrics
from clbench.testing.records import make_record
from scipy import stats

A = [[80.0, 40.0, 30.0], [78.0, 70.0, 29.0], [77.0, 66.0, 60.0]]
B = [[82.0, 44.0, 36.0], [79.0, 75.0, 31.0], [70.0, 60.0, 66.0]]
JOINT = {"protocol": "joint"}


def cells(grid):
    return [[cell.text for cell in row] for row in grid.rows]


def laid_out(records, layout="summary", *, paper=False, metrics=("transfer", "average", "last"), **options):
    board = board_of(records, metrics=metrics)
    return view_of(board, layout=layout, options=Options(**options)).grids(paper)


def in_order(order, matrix, **more):
    record = make_record(matrix, order=order, **more)
    tasks = record.stream.tasks if order == "I" else record.stream.tasks[::-1]
    return record.evolve(stream=record.stream.model_copy(update={"tasks": tasks}))


def test_every_task_has_its_transfer_average_and_last():
    records = [make_record(M, seed=s, zero_shot=[50, 51, 52]) for s, M in enumerate((A, B))]
    records.append(make_record([[90] * 3] * 3, method="joint", zero_shot=[50, 51, 52], method_fields=JOINT))
    (grid,) = laid_out(records, "per-task", decimals=2)
    assert grid.headers == ("Method", "Task 0", "Task 1", "Task 2", "Mean")
    assert [title for _, title in grid.sections][1:] == ["Transfer", "Average", "Last"]
    # References are above with what they reach at the end; zero-shot is in Transfer, too.
    assert [row[0] for row in cells(grid)] == ["joint", "zero-shot", "zero-shot", "toy", "toy", "toy"]
    assert cells(grid)[2][1:] == ["–", "51.00", "52.00", "51.50"]
    for row, name in zip(cells(grid)[3:], ("transfer", "average", "last"), strict=True):
        per_task = getattr(metrics, f"{name}_per_task")
        expected = [*np.mean([per_task(A), per_task(B)], axis=0)]
        expected.append(np.mean([metrics.METRICS[name](A), metrics.METRICS[name](B)]))
        assert row[1:] == ["–" if np.isnan(x) else f"{x:.2f}" for x in expected]
    assert "Means over 2 seeds" in grid.notes


def test_best_and_second_are_marked_task_by_task():
    (grid,) = laid_out([make_record(A, method="a"), make_record(B, method="b")], "per-task")
    last = grid.rows[grid.sections[-1][0] :]
    assert [(row[0].text, [(c.best, c.second) for c in row[1:]]) for row in last] == [
        ("b", [(False, True), (False, True), (True, False), (False, True)]),
        ("a", [(True, False), (True, False), (False, True), (True, False)]),
    ]


def test_intervals_are_shown_where_they_are_asked_for():
    records = [make_record(M, seed=s) for s, M in enumerate((A, B, A))]
    assert "± " not in render(board_of(records), "text", layout="per-task")
    assert "±" in render(board_of(records), "text", layout="per-task", options=Options(spread=True))
    assert "±" in render(board_of(records))
    assert "±" not in render(board_of(records), options=Options(spread=False))


def test_every_value_of_every_task_for_programs():
    frame = view_of(board_of([make_record(A)]), layout="per-task").frame()
    found = frame[(frame.method == "toy") & (frame.metric == "last")].set_index("task").value
    assert list(found[["t0", "t1", "t2"]]) == A[-1]
    assert frame[frame.task.isna() & (frame.metric == "transfer") & (frame.method == "toy")].value.item() == (
        metrics.transfer(A)
    )


def test_a_metric_without_values_per_task_is_refused():
    with pytest.raises(UnknownNameError, match="metric per task 'transfer-rows'"):
        laid_out([make_record(A)], "per-task", metrics=["transfer-rows"])
    with pytest.raises(ConfigError, match="choose its blocks"):
        laid_out([make_record(A)], "per-task", columns=("method",))


def test_orders_stand_side_by_side_with_their_mean():
    pairs = (("I", (A, B, A)), ("II", (B, A, B)))
    records = [in_order(order, M, seed=s) for order, pair in pairs for s, M in enumerate(pair)]
    (grid,) = laid_out(records, "across-orders")
    assert grid.spans == (("", 2), ("Order I", 3), ("Order II", 3), ("Mean", 3))
    row = next(r for r in cells(grid) if r[0] == "toy")
    # Seeds of one number in two orders are no pairs: the variances of the orders are added, of 2 + 2 degrees
    # of freedom where they are equal.
    one, other = metrics.last(A), metrics.last(B)
    spread = np.std([one, other, one], ddof=1) / np.sqrt(3)
    assert row[-1] == f"{(one + other) / 2:.2f} ± {stats.t.ppf(0.975, 4) * spread / np.sqrt(2):.2f}"
    assert row[4] == f"{(2 * one + other) / 3:.2f} ± {stats.t.ppf(0.975, 2) * spread:.2f}"


def test_a_method_that_lacks_an_order_has_no_mean():
    records = [in_order("I", A), in_order("II", B), in_order("I", B, method="half")]
    (grid,) = laid_out(records, "across-orders")
    assert [row[0] for row in cells(grid)] == ["toy", "zero-shot", "half"]
    assert cells(grid)[-1][5:] == ["–"] * 6
    assert any("clbench compare A B" in note for note in grid.notes)  # the order of methods may be chance
    (alone,) = laid_out(records[:2], "across-orders")
    assert not any("clbench compare" in note for note in alone.notes)


def test_orders_of_unequal_protocols_are_not_put_together():
    records = [in_order("I", A), in_order("II", B, protocol={"templates": "others"})]
    grids = laid_out(records, "across-orders")
    assert len(grids) == 2
    text = render(board_of(records), layout="across-orders")
    assert "table 2 is not comparable with table 1: different order, templates" in text
    same = render(board_of([in_order("I", A), in_order("II", B)]), layout="across-orders")
    assert "not comparable" not in same


def test_unequal_settings_are_not_put_on_one_line():
    records = [in_order("I", A), in_order("II", B, settings={"lr": 9.0}, sources={"lr": "tuned"})]
    (grid,) = laid_out(records, "across-orders")
    assert [row[0] for row in cells(grid)][1:] == ["toy (order I)", "toy (order II)"]
    assert all(row[-1] == "–" for row in cells(grid)[1:])


def test_orders_for_programs():
    records = [in_order("I", A), in_order("II", B)]
    frame = view_of(board_of(records), layout="across-orders").frame()
    found = frame[(frame.method == "toy") & (frame.metric == "last")]
    assert list(found.order[:2]) == ["I", "II"]
    assert list(found.value) == [metrics.last(A), metrics.last(B), (metrics.last(A) + metrics.last(B)) / 2]


def test_columns_are_those_that_were_chosen_in_their_order():
    spent = {"trainable_parameters": (2_500_000,) * 3, "peak_memory_bytes": 3 * 2**30}
    record = make_record(A, resources=Resources(**spent, learn_seconds=(1, 2, 3)))
    names = ("last", "method", "trainable_parameters", "peak_memory", "learn_seconds", "version", "commit")
    (grid,) = laid_out([record], columns=names)
    assert grid.headers == ("Last", "Method", "Trainable", "Memory (GiB)", "Learn (s)", "Version", "Commit")
    row = next(r for r in cells(grid) if r[1] == "toy")
    assert row[:6] == ["67.67", "toy", "2.5M", "3.00", "2.0", "1.0"]
    frame = view_of(board_of([record]), options=Options(columns=names)).frame()
    assert list(frame)[1:4] == ["last", "last_ci95", "method"]
    assert frame.set_index("method").loc["toy", "peak_memory"] == 3 * 2**30


def test_costs_of_unequal_machines_are_not_averaged():
    spent = Resources(learn_seconds=(1, 2, 3))
    one, other = (make_record(A, seed=s, resources=spent) for s in (0, 1))
    moved = other.evolve(provenance=other.provenance.model_copy(update={"device": "cuda"}))
    options = Options(columns=("method", "learn_seconds", "device"))
    rows = {r[0]: r for r in cells(view_of(board_of([one, moved]), options=options).grids(False)[0])}
    assert rows["toy"] == ["toy", "–", "cpu, cuda"]


def test_all_columns_can_be_asked_for_and_unknown_ones_are_named():
    (grid,) = laid_out([make_record(A)], columns=("all",))
    assert len(grid.headers) == len(FIELDS) + 3
    with pytest.raises(UnknownNameError, match=r"unknown column 'lst'\n.*did you mean 'last'"):
        laid_out([make_record(A)], columns=("lst",))
    with pytest.raises(UnknownNameError, match="did you mean 'per-task'"):
        view_of(board_of([]), layout="pertask")


def test_shots_tell_tables_apart_and_stand_in_the_caption():
    full = make_record(A)
    few = full.evolve(stream=StreamRecord(**{**full.stream.model_dump(), "shots": 5}))
    board = board_of([full, few])
    assert [", 5 shots," in table.group.title for table in board.tables] == [False, True]
    assert board.notes == ("table 2 is not comparable with table 1: different shots",)
    assert sorted(set(board.frame.shots)) == ["5", "full"]


def test_tables_are_put_in_order_by_what_is_asked_for_and_stay_apart():
    records = [make_record(A, order=o, backbone=b) for o in ("I", "II") for b in ("big", "small")]
    board = board_of(records, group_by=["backbone"])
    assert [t.group.backbone for t in board.tables] == ["big", "big", "small", "small"]
    assert view_of(board).grids(False)[0].caption.startswith("Table 1: backbone big, stream")
    with pytest.raises(UnknownNameError, match="did you mean 'label_space'"):
        board_of(records, group_by=["labelspace"])


def test_rows_are_sorted_by_what_is_asked_for():
    records = [make_record(A, method="a"), make_record(B, method="b")]
    by_last = [r.method for r in board_of(records, sort="last").tables[0].rows]
    assert by_last == ["a", "b", "zero-shot"]
    by_name = [r.method for r in board_of(records[::-1], sort="method").tables[0].rows]
    assert by_name == ["a", "b", "zero-shot"]
    assert [r.method for r in board_of(records).tables[0].rows] == ["b", "a", "zero-shot"]
    with pytest.raises(UnknownNameError, match="name it in --metrics"):
        board_of(records, sort="forgetting")


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
@pytest.mark.parametrize("form", ["csv", "html", "json", "latex", "md", "text"])
def test_every_layout_in_every_format(layout, form):
    joint = make_record([[90] * 3] * 3, method="joint", method_fields=JOINT)
    text = render(board_of([make_record(A, seed=0), make_record(B, seed=1), joint]), form, layout=layout)
    assert "toy" in text
    assert "joint" in text
