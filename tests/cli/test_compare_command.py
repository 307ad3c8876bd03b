"""``clbench compare``: what it prints, what it claims, and what it refuses."""

import csv
import io
import json
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from clbench.cli import main
from clbench.results import read_record, write_record
from clbench.testing.records import make_record, make_run
from click.testing import CliRunner

RECORDS = Path(__file__).parents[2] / "leaderboards/mini/records"


@pytest.fixture
def clbench(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *args: CliRunner().invoke(main, ["compare", *map(str, args)])


def make(folder, name, skill, *, seeds=3, order="I", rng=None, sizes=(150, 90), **fields):
    rng = rng or np.random.default_rng(zlib.crc32(f"{name}{order}".encode()))
    for seed in range(seeds):
        right = [rng.random((len(sizes), n)) < skill for n in sizes]
        keys = {"order_of": ["t1", "t0"]} if order == "II" else {}
        # The other way round the tasks have the other's images.
        given = right if order == "I" else [right[1][:, : sizes[1]], right[0][:, : sizes[0]]]
        run = folder / f"{name}-{order}-{seed}"
        make_run(run, given, method=name, seed=seed, order=order, zero_shot=None, **keys, **fields)
    return folder


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "runs"
    rng = np.random.default_rng(1)
    make(folder, "good", 0.9, rng=rng)
    make(folder, "great", 0.9, rng=rng)
    make(folder, "poor", 0.4, rng=rng)
    return folder


def test_long_names_stand_once_above_the_table(clbench, tmp_path):
    long = "a-method-whose-name-is-too-long-for-a-head"
    make(tmp_path / "runs", long, 0.9, seeds=1)
    make(tmp_path / "runs", "poor", 0.4, seeds=1)
    lines = clbench(long, "poor", "--metric", "last").output.splitlines()
    assert lines[0].endswith(f"; A: {long}; B: poor")
    assert lines[2].split() == ["Task", "A", "B", "A", "−", "B", "95", "%", "interval", "separable"]


def test_names_are_looked_up_and_a_sentence_says_what_holds(clbench, runs):
    done = clbench("good", "poor")
    assert done.exit_code == 0, done.output
    for metric in ("Transfer", "Average", "Last"):
        assert f"{metric}, stream toy-stream, protocol toy protocol, order I, " in done.output
        verdict = next(line for line in done.output.splitlines() if line.startswith(f"  {metric}: "))
        assert "good is" in verdict
        assert "points above poor (95 % interval +" in verdict
        assert ": separable. Task by task, " in verdict
    assert "seeds 0, 1 and 2, paired. Intervals are over test images and training seeds." in done.output
    assert "good − poor" in done.output


def test_what_chance_may_be_is_not_claimed(clbench, runs):
    done = clbench("good", "great", "--metric", "average")
    assert ": not separable." in done.output
    assert "Transfer" not in done.output


def test_the_figures_are_those_of_the_records(clbench, runs):
    rows = list(csv.DictReader(io.StringIO(clbench("good", "poor", "--format", "csv").output)))
    assert len(rows) == 3 * 3  # two tasks and the mean, for each metric
    records = {m: [read_record(runs / f"{m}-I-{s}") for s in range(3)] for m in ("good", "poor")}
    for metric in ("transfer", "average", "last"):
        (mean,) = [row for row in rows if row["metric"] == metric and not row["task"]]
        a, b = (np.mean([getattr(r.metrics, metric) for r in records[m]]) for m in ("good", "poor"))
        assert float(mean["a_value"]) == pytest.approx(a)
        assert float(mean["b_value"]) == pytest.approx(b)
        assert float(mean["difference"]) == pytest.approx(a - b)
        assert float(mean["low"]) < a - b < float(mean["high"])
        assert mean["covers"] == "images+seeds"
        assert float(mean["images_low"]) < a - b < float(mean["images_high"])
    (last,) = [row for row in rows if row["metric"] == "last" and row["task"] == "t1"]
    assert float(last["a_value"]) == pytest.approx(np.mean([r.matrix[-1][1] for r in records["good"]]))
    (first,) = [row for row in rows if row["metric"] == "transfer" and row["task"] == "t0"]
    assert first["difference"] == ""  # the first task is learned first


def test_formats_agree_and_equal_commands_print_equal_text(clbench, runs, tmp_path):
    document = json.loads(clbench("good", "poor", "-f", "json").output)
    rows = list(csv.DictReader(io.StringIO(clbench("good", "poor", "-f", "csv").output)))
    assert [row["low"] or None for row in rows] == [d["low"] and str(d["low"]) for d in document]
    assert clbench("good", "poor").output == clbench("good", "poor").output
    assert "| **mean**" in clbench("good", "poor", "-f", "md").output
    assert r"\textbf{mean}" in clbench("good", "poor", "-f", "latex").output
    done = clbench("good", "poor", "-o", tmp_path / "out" / "table.txt")
    assert "wrote" in done.output
    assert (tmp_path / "out" / "table.txt").read_text() == clbench("good", "poor").output


def test_turning_the_sides_turns_the_signs(clbench, runs):
    forth, back = (
        json.loads(clbench(*sides, "-f", "json").output) for sides in (("good", "poor"), ("poor", "good"))
    )
    for one, other in zip(forth, back, strict=True):
        assert (one["a_value"], one["b_value"]) == (other["b_value"], other["a_value"])
        if one["low"] is not None:
            assert one["low"] == pytest.approx(-other["high"])


def test_one_seed_each_says_so_and_claims_nothing_of_methods(clbench, runs):
    done = clbench(runs / "good-I-0", runs / "poor-I-0")
    assert "seed 0 of each" in done.output
    assert "over test images alone. One seed each says nothing of training noise" in done.output
    assert "separable for these trained models; of the methods nothing is claimed" in done.output


def test_without_predictions_and_seeds_nothing_is_claimed_at_all(clbench, runs):
    for file in runs.rglob("predictions.npz"):
        file.unlink()
    three = clbench("good", "poor")
    assert "over training seeds; test images are held fixed, for want of predictions" in three.output
    one = clbench(runs / "good-I-0", runs / "poor-I-0")
    assert "There are no intervals. One seed each says nothing" in one.output
    assert "points above poor; no interval." in one.output
    assert "separable." not in one.output


def test_different_seeds_are_paired_in_order_and_that_is_said(clbench, runs):
    done = clbench(runs / "good-I-0", runs / "poor-I-2")
    assert "no seed in common: 0 beside 2" in done.output
    (runs / "two").mkdir()
    for seed in (1, 2):
        (runs / f"poor-I-{seed}").rename(runs / f"two/{seed}")
    done = clbench(runs / "good-I-0", runs / "two")
    assert "no seed in common: 0 beside 1 (without 2)" in done.output


def test_seeds_that_only_one_has_are_named(clbench, runs):
    shutil.rmtree(runs / "poor-I-1")
    assert "seeds 0 and 2, paired (only one of them has 1)" in clbench("good", "poor").output


def test_one_method_from_two_places_is_called_by_its_places(clbench, runs):
    done = clbench("runs/good-I-0", "runs/good-I-1")
    assert "runs/good-I-0 − runs/good-I-1" in done.output
    assert "good and good" not in done.output


def test_a_missing_accuracy_costs_the_metrics_that_need_it(clbench, tmp_path):
    for name, last in (("a", 80.0), ("b", 60.0)):
        for seed in range(3):
            matrix = [[70.0, None], [50.0 + seed, last]]
            write_record(tmp_path / "runs" / f"{name}{seed}", make_record(matrix, method=name, seed=seed))
    done = clbench("a", "b")
    assert done.exit_code == 0, done.output
    assert "Transfer: accuracies that it needs are missing." in done.output
    assert "Last: a is 10.00 points above b" in done.output


def test_orders_stand_apart_and_then_together(clbench, runs):
    rng = np.random.default_rng(2)
    for name, skill in (("good", 0.9), ("poor", 0.4)):
        make(runs, name, skill, order="II", rng=rng)
    done = clbench("good", "poor", "--metric", "last")
    assert done.exit_code == 0, done.output
    captions = [line for line in done.output.splitlines() if line.startswith("Last, ")]
    assert [caption.split(", ")[3] for caption in captions] == ["order I", "order II", "orders I and II"]
    assert "the orders are taken as they are, and nothing is said of others" in done.output
    only = clbench("good", "poor", "--metric", "last", "--orders", "II")
    assert "order I," not in only.output


def test_the_zero_shot_model_may_be_a_side(clbench, runs):
    done = clbench("poor", "zero-shot", "--metric", "last")
    assert done.exit_code == 0, done.output
    assert "points above zero-shot" in done.output
    assert "seeds 0, 1 and 2" in done.output


def test_starts_of_names_and_settings_in_brackets(clbench, runs):
    assert "poor − good" in clbench("po", "goo").output
    several = clbench("g", "poor")
    assert several.exit_code == 2
    assert "there are good, great" in several.output
    make(runs, "tuned", 0.5, settings={"lr": 1.0}, sources={"lr": "user"})
    make(runs, "tuned", 0.5, seeds=2, settings={"lr": 2.0}, sources={"lr": "user"}, order="I2")
    assert "tuned (lr=1)" in clbench("tuned (lr=1)", "poor").output
    assert "tuned (lr=1), tuned (lr=2)" in clbench("tuned", "poor").output


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["godo", "poor"], 2, "did you mean 'good'"),
        (["good", "poor", "--metric", "lats"], 2, "did you mean 'last'"),
        (["good", "poor", "--metric", ","], 2, "no metric is named"),
        (["good", "poor", "--format", "cvs"], 2, "did you mean 'csv'"),
        (["good", "poor", "--orders", "III"], 1, "no record has order 'III'; there is I"),
        (["good", "poor", "--runs", "nowhere"], 1, "there is nothing at nowhere"),
        (["runs", "poor"], 2, "runs has runs of 3 methods"),
        (["good", "good"], 2, "'good' and 'good' are the same runs"),
        (["zero-shot", "zero-shot"], 2, "cannot be compared with itself"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_mistakes_are_explained(clbench, runs, args, code, words):
    done = clbench(*args)
    assert done.exit_code == code
    assert words in " ".join(done.output.split())


def test_unequal_protocols_are_refused_and_the_difference_is_named(clbench, runs):
    make(runs, "other", 0.5, protocol={"templates": "x", "preprocessing": "y"})
    done = clbench("good", "other")
    assert done.exit_code == 1
    assert "different templates, preprocessing" in done.output
    make(runs, "elsewhere", 0.5, order="II")
    assert "different order" in clbench("good", "elsewhere").output


def test_other_images_under_one_fingerprint_are_refused(clbench, runs):
    make(runs, "odd", 0.5, sizes=(149, 90))
    done = clbench("good", "odd")
    assert done.exit_code == 1
    assert "not asked about the same images of t0" in done.output


def test_unfinished_and_broken_records_are_named_and_left_out(clbench, runs):
    record = read_record(runs / "poor-I-2")
    failure = {"task": "t1", "error": "no memory left", "kind": "MemoryError"}
    matrices = {"task": record.matrix[:1]}
    write_record(
        runs / "poor-I-2",
        record.evolve(status="failed", failure=failure, metrics=None, matrices=matrices, predictions=None),
    )
    (runs / "great-I-0" / "record.json").write_text("{")
    done = clbench("good", "poor")
    assert done.exit_code == 0, done.output
    assert "left out: poor, seed 2: it is failed" in done.output
    assert "great-I-0/record.json is not JSON" in done.output
    assert "seeds 0 and 1, paired" in done.output
    assert "Two seeds each say nothing of training noise" in done.output


def test_changed_predictions_stop_the_comparison(clbench, runs):
    shutil.copy(runs / "poor-I-1" / "predictions.npz", runs / "poor-I-0" / "predictions.npz")
    done = clbench("good", "poor")
    assert done.exit_code == 1
    assert "is not the file that the record names" in done.output


def test_real_records(clbench):
    done = clbench("zscl", "gift", "--runs", RECORDS, "--orders", "I", "--metric", "last")
    assert done.exit_code == 0
    assert "zscl is 5.21 points below gift (95 % interval" in done.output
    assert ": separable." in done.output


def test_torch_stays_away(runs):
    code = (
        "import sys\nfrom clbench.cli import main\n"
        f"try: main(['compare', 'good', 'poor', '--runs', {str(runs)!r}])\n"
        "except SystemExit as end: assert not end.code\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_several_methods_are_compared_in_all_pairs(clbench, tmp_path):
    rng = np.random.default_rng(0)
    for name, skill in (("good", 0.8), ("alike", 0.79), ("bad", 0.5)):
        for seed in range(3):
            right = [rng.random((2, 150)) < skill for _ in range(2)]
            make_run(tmp_path / f"{name}-{seed}", right, method=name, seed=seed)
    for named in (("bad", "good", "alike"), ()):
        text = clbench(*named, "--runs", tmp_path, "--metrics", "average").output
        rows = {line.split()[0]: line for line in text.splitlines() if line.split()}
        assert "1–2  a" in rows["good"]
        assert "3  b" in rows["bad"]
        assert "(+" in rows["good"] or "(−" in rows["good"]
        assert "(" not in rows["bad"]
        assert "paired tests of all 3 pairs over test images and training seeds" in text
    flat = json.loads(clbench("bad", "good", "alike", "--runs", tmp_path, "-f", "json").output)
    assert len(flat) == 3 * 3
    assert all(row["p_adjusted"] >= row["p"] for row in flat)
    assert {(row["a"], row["b"]): row["separable"] for row in flat if row["metric"] == "average"}[
        "good", "bad"
    ]


def test_several_methods_of_one_seed_are_trained_models(clbench, tmp_path):
    rng = np.random.default_rng(0)
    for name, skill in (("good", 0.8), ("middle", 0.6), ("bad", 0.4)):
        make_run(tmp_path / name, [rng.random((2, 150)) < skill for _ in range(2)], method=name)
    text = clbench("--runs", tmp_path).output
    assert "of the methods nothing is claimed" in text
    assert "over test images alone" in text


def test_one_method_alone_or_twice_among_several(clbench, tmp_path):
    for name in ("a", "b"):
        make_run(tmp_path / name, [[[1, 0]] * 2, [[0, 1]] * 2], method=name)
    assert "is compared with nothing" in clbench("a", "--runs", tmp_path).output
    assert "named twice" in clbench("a", "b", "a", "--runs", tmp_path).output
    assert "among several" in clbench("a", "b", "zero-shot", "--runs", tmp_path).output
