"""A run under another name, author or seed is found by its mistakes; honest runs are never taken for one."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from clbench.cli import main
from clbench.errors import SubmissionError
from clbench.results import load_records
from clbench.results.predictions import Predictions, load_predictions
from clbench.submissions import pack, read_submission
from clbench.submissions.admission import plan
from clbench.submissions.duplicates import LIKE, Answered, likeness, require_its_own
from click.testing import CliRunner

DETERMINISTIC = ("rail-dual",)


def answered(folder):
    (stored,) = load_records([folder]).stored
    return Answered(folder.name, stored.record, load_predictions(folder, stored.record.predictions))


def of(run, **method):
    """The same answers under another name, author or seed."""
    seed = method.pop("seed", run.record.seed)
    record = run.record.model_copy(
        update={"seed": seed, "method": run.record.method.model_copy(update=method)}
    )
    return replace(run, label="copy", record=record)


def noisy(run, share):
    """The same with a share of all answers redrawn."""
    generator = np.random.default_rng(0)
    answers = {}
    for key, values in run.predictions.answers.items():
        drawn = generator.random(len(values)) < share
        answers[key] = np.where(drawn, generator.integers(0, 400, len(values)), values)
    return replace(run, predictions=Predictions(answers, run.predictions.truth))


@pytest.fixture(scope="module")
def zscl(records_folder):
    return answered(records_folder / "I" / "zscl-seed0")


@pytest.mark.parametrize("order", ["I", "II"])
def test_no_two_runs_of_the_leaderboard_are_alike_but_those_that_draw_nothing(records_folder, order):
    runs = [answered(folder) for folder in sorted((records_folder / order).iterdir())]
    alike = set()
    for a, b in itertools.combinations(runs, 2):
        share = likeness(a, b)
        if share is not None and share > 0.75:
            alike.add((a.record.method.name, b.record.method.name))
        require_its_own(a, b, deterministic=a.record.method.name in DETERMINISTIC)
    assert alike == {("rail-dual", "rail-dual")}


@pytest.mark.parametrize(
    "other",
    [{"name": "mine"}, {"distribution": "clbench-mine"}, {"seed": 7}, {"name": "mine", "seed": 7}],
)
@pytest.mark.parametrize("share", [0.0, 0.02])
def test_a_copy_is_refused_with_both_names(zscl, other, share):
    copy = noisy(of(zscl, **other), share)
    with pytest.raises(SubmissionError, match="copy is not admitted: its answers are those of zscl-seed0"):
        require_its_own(copy, zscl, deterministic=False)


def test_the_more_is_changed_the_less_alike_it_is(zscl):
    shares = [likeness(noisy(zscl, share), zscl) for share in (0, 0.02, 0.1, 0.3)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == 1
    assert shares[1] > LIKE > shares[-1]


def test_seeds_of_a_method_that_draws_nothing_are_equal_with_reason(records_folder):
    a, b = (answered(records_folder / "I" / f"rail-dual-seed{seed}") for seed in (0, 1))
    assert likeness(a, b) == 1
    require_its_own(a, b, deterministic=True)
    with pytest.raises(SubmissionError, match=r"deterministic=True"):
        require_its_own(a, b, deterministic=False)
    with pytest.raises(SubmissionError, match=r"submit a run of the method itself"):
        require_its_own(of(a, name="mine"), b, deterministic=True)


def test_what_learns_nothing_is_equal_with_reason(records_folder):
    run = answered(records_folder / "I" / "zero-shot-seed0")
    assert likeness(run, run) is None
    require_its_own(of(run, name="mine", seed=3), run, deterministic=False)


def test_the_same_run_under_other_circumstances_is_not_a_copy(zscl):
    require_its_own(of(zscl, settings={}, settings_sources={}), zscl, deterministic=False)


def test_runs_of_other_orders_are_not_compared(zscl, records_folder):
    assert likeness(zscl, answered(records_folder / "II" / "zscl-seed0")) is None


def _renamed(tmp_path, records_folder, forged, seed):
    submission = pack(records_folder / "I" / "zscl-seed0")
    record = json.loads(submission.members["record.json"])
    record |= {"run_id": f"{seed:016x}", "seed": seed}
    record["config"]["seed"] = seed
    return read_submission(forged(tmp_path, submission, record=record))


def test_admission_compares_with_what_is_there_and_with_what_comes_along(tmp_path, records_folder, forged):
    copy = _renamed(tmp_path, records_folder, forged, 8)
    with pytest.raises(SubmissionError, match=r"its answers are those of .*records/I/zscl-seed0"):
        plan([copy], records_folder)
    with pytest.raises(SubmissionError, match=r"its answers are those of zscl-mini-I"):
        plan([pack(records_folder / "I" / "zscl-seed0"), copy], tmp_path / "empty")


def test_the_command_knows_what_draws_nothing(tmp_path, records_folder):
    runs = [
        str(records_folder / "I" / name) for name in ("rail-dual-seed0", "rail-dual-seed1", "zero-shot-seed0")
    ]
    done = CliRunner().invoke(main, ["admit", *runs, "--into", str(tmp_path / "board")])
    assert done.exit_code == 0, done.output
    assert done.output.count("admitted:") == 3
