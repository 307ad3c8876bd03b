"""``clbench rescore``: figures from stored predictions."""

import json
import subprocess
import sys

import numpy as np
import pytest
from clbench.cli import main
from clbench.errors import RecordError
from clbench.results import load_predictions, measure, read_record, save_predictions, write_record
from clbench.results.rescoring import rescore
from clbench.testing.records import make_record
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

TASKS = ("t0", "t1", "t2")
IMAGES = (7, 4, 9)


def write_run(folder, *, seed=0, changed=None, spaces=("task", "union")):
    """A record of random answers; ``changed`` edits the matrices before the record is made."""
    random = np.random.default_rng(seed)
    truth = {task: random.integers(0, 5, n) for task, n in zip(TASKS, IMAGES, strict=True)}
    answers = {
        (space, row, task): random.integers(0, 5, n)
        for space in spaces
        for row in (-1, 0, 1, 2)
        for task, n in zip(TASKS, IMAGES, strict=True)
    }

    def accuracies(space, row):
        return [100.0 * float(np.mean(answers[space, row, task] == truth[task])) for task in TASKS]

    def exact(space, row):
        right = [int((answers[space, row, task] == truth[task]).sum()) for task in TASKS]
        return tuple(100.0 * r / n for r, n in zip(right, IMAGES, strict=True))

    matrices = {space: [exact(space, row) for row in range(3)] for space in spaces}
    for space in spaces:  # the harness's formula is the mean of what is right
        np.testing.assert_allclose(matrices[space], [accuracies(space, row) for row in range(3)])
    zero_shot = {space: exact(space, -1) for space in spaces}
    if changed:
        changed(matrices, zero_shot)
    record = make_record(
        matrices["task"],
        seed=seed,
        matrices={space: tuple(map(tuple, rows)) for space, rows in matrices.items()},
        zero_shot=zero_shot["task"],
    )
    tasks = [t.model_copy(update={"test": n}) for t, n in zip(record.stream.tasks, IMAGES, strict=True)]
    record = record.evolve(
        stream=record.stream.model_copy(update={"tasks": tuple(tasks)}),
        zero_shot=zero_shot,
        predictions=save_predictions(folder, answers, truth),
        metrics=measure(matrices["task"]),
    )
    write_record(folder, record)
    return record


def run(*words):
    return CliRunner().invoke(main, ["rescore", *map(str, words)])


@given(st.integers(0, 2**31))
def test_matrices_and_metrics_are_those_of_the_record(tmp_path_factory, seed):
    folder = tmp_path_factory.mktemp("run")
    record = write_run(folder, seed=seed)
    task, union = rescore(record, load_predictions(folder, record.predictions))
    assert (task.label_space, union.label_space) == ("task", "union")
    assert task.matrix == record.matrices["task"]
    assert union.matrix == record.matrices["union"]
    assert task.metrics == record.metrics
    assert union.zero_shot == record.zero_shot["union"]
    assert not task.differences + union.differences


@pytest.mark.parametrize("where", [(0, 2), (2, 0), (1, 1)])
@pytest.mark.parametrize("space", ["task", "union"])
def test_a_changed_digit_is_found_where_it_is(tmp_path, where, space):
    i, j = where

    def change(matrices, zero_shot):
        row = list(matrices[space][i])
        row[j] = min(row[j] + 0.01, 100.0) if row[j] < 100 else 99.99
        matrices[space][i] = tuple(row)

    write_run(tmp_path, changed=change)  # the record's own metrics fit its changed matrix
    done = run(tmp_path)
    assert done.exit_code == 1
    assert f"label space {space}: A[{i}, {j}], after t{i}, on t{j}: " in done.output
    assert done.output.count("wrong:") == 1


def test_a_changed_zero_shot_row_is_found(tmp_path):
    def change(matrices, zero_shot):
        zero_shot["task"] = (1.5, *zero_shot["task"][1:])

    write_run(tmp_path, changed=change)
    assert "label space task: zero-shot, on t0: 1.5 in the record" in run(tmp_path).output


def test_the_tables_of_all_label_spaces(tmp_path):
    for seed in (0, 1):
        write_run(tmp_path / f"run{seed}", seed=seed)
    done = run(tmp_path, "--matrix")
    assert done.exit_code == 0, done.output
    assert done.output.count("label space union") == 3  # a table, and two matrices
    assert "2 records say what the predictions give" in done.output
    record = read_record(tmp_path / "run0")
    assert f"{record.metrics.transfer:.2f}" in done.output
    only = run(tmp_path, "--label-space", "union")
    assert "label space task" not in only.output


def test_json_is_unrounded(tmp_path):
    record = write_run(tmp_path)
    (found,) = json.loads(run(tmp_path, "--json").output)
    assert found["label_spaces"]["task"]["matrix"] == [list(row) for row in record.matrices["task"]]
    assert found["label_spaces"]["task"]["metrics"]["last"] == record.metrics.last


def test_foreign_predictions_are_refused(tmp_path):
    write_run(tmp_path / "a", seed=0)
    write_run(tmp_path / "b", seed=1)
    (tmp_path / "b/predictions.npz").rename(tmp_path / "a/predictions.npz")
    done = run(tmp_path / "a")
    assert done.exit_code == 1
    assert "is not the file that the record names" in done.output


def test_a_label_space_without_predictions(tmp_path):
    record = write_run(tmp_path)
    done = run(tmp_path, "--label-space", "seen")
    assert done.exit_code == 1
    assert "no predictions in label space 'seen' why: it has them in task, union" in done.output
    predictions = load_predictions(tmp_path)
    with pytest.raises(RecordError, match="lacks predictions after task 1"):
        rescore(
            record,
            type(predictions)(
                {key: value for key, value in predictions.answers.items() if key.row != 1},
                predictions.truth,
            ),
        )


def test_another_number_of_test_images_is_said(tmp_path):
    record = write_run(tmp_path)
    first, *others = record.stream.tasks
    tasks = (first.model_copy(update={"test": 8}), *others)
    write_record(tmp_path, record.evolve(stream=record.stream.model_copy(update={"tasks": tasks})))
    assert "t0: the record has 8 test images, the predictions 7" in run(tmp_path).output


def test_unfinished_runs_are_left_out(tmp_path):
    write_record(tmp_path, make_record(((80.0, 40.0),), status="running", metrics=None))
    done = run(tmp_path)
    assert "left out" in done.output
    assert "it is running" in done.output
    assert done.exit_code == 0


def test_a_folder_without_records_is_not_all_right(tmp_path):
    done = CliRunner().invoke(main, ["rescore", str(tmp_path)])
    assert done.exit_code == 1
    assert "there is no record under" in done.output


def test_it_needs_no_torch(tmp_path):
    write_run(tmp_path)
    code = (
        "import sys; from clbench.cli import main\n"
        f"main(['rescore', {str(tmp_path)!r}], standalone_mode=False)\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
