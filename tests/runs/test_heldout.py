"""Data sets of no task, tested after each task."""

import numpy as np
import pytest
import torch
from clbench.config import Options, RunConfig, resolve
from clbench.errors import ConfigError, DataError
from clbench.models.features import CosineScorer
from clbench.plugins import Registry, get_registry
from clbench.results import load_predictions, read_record, write_record
from clbench.results.predictions import HELD_OUT
from clbench.results.rescoring import rescore
from clbench.runs import execute
from clbench.streams import HeldOut
from clbench.testing import tiny_backbone, tiny_plugin
from clbench.testing.doubles import tiny_held_out, tiny_images

QUICK = dict.fromkeys(
    ("finetune", "joint", "independent"), {"iterations": 2, "warmup": 1, "batch_size": 6, "lr": 1e-2}
)


@pytest.fixture(autouse=True)
def _one_thread(one_thread): ...


@pytest.fixture(scope="module")
def registry():
    return Registry([*Registry.of(tiny_plugin)._loaded, *get_registry()._loaded])


def planned(registry, *methods, **options):
    wishes = Options(
        methods=methods, stream="tiny", settings={m: QUICK.get(m, {}) for m in methods}, **options
    )
    return resolve(registry, wishes, find_device=lambda name: "cpu")


@pytest.fixture(scope="module")
def runs(registry, tmp_path_factory):
    """folder, and the records of four kinds of methods by name"""
    out = tmp_path_factory.mktemp("runs")
    methods = ("finetune", "zero-shot", "joint", "independent")
    outcomes = execute(registry, planned(registry, *methods, held_out=("tiny-held-out",)), out=out)
    assert [o.status for o in outcomes] == ["finished"] * 4, [o.reason for o in outcomes]
    return {o.config.method: o.path for o in outcomes}


def test_the_initial_models_answers_are_those_of_its_own_classes(runs):
    held, backbone = tiny_held_out(), tiny_backbone()
    images = backbone.preprocessing.normalise(
        torch.from_numpy(np.array(held.test.pixels(backbone.preprocessing)))
    )
    answers = CosineScorer(backbone).score(images, held.labels).argmax(dim=1).numpy()
    for path in runs.values():
        found = read_record(path).held_out["tiny-held-out"]
        assert found.zero_shot == 100 * (answers == held.test.labels).mean()
        assert (found.classes, found.test, len(found.after)) == (5, 10, 3)
    kept = load_predictions(runs["finetune"])
    assert np.array_equal(kept.answers[HELD_OUT, -1, "tiny-held-out"], answers)
    assert np.array_equal(kept.truth["tiny-held-out"], held.test.labels)


def test_what_learns_nothing_keeps_it(runs):
    found = read_record(runs["zero-shot"]).held_out["tiny-held-out"]
    assert found.after == (found.zero_shot,) * 3


def test_training_changes_the_answers(runs):
    kept = load_predictions(runs["finetune"])
    rows = [kept.answers[HELD_OUT, row, "tiny-held-out"] for row in (-1, 0, 1, 2)]
    assert any(not np.array_equal(rows[0], row) for row in rows[1:])


def test_the_matrix_is_the_same_without(registry, runs, tmp_path):
    (outcome,) = execute(registry, planned(registry, "finetune"), out=tmp_path)
    plain, held = read_record(outcome.path), read_record(runs["finetune"])
    assert plain.matrices == held.matrices
    assert plain.fingerprint == held.fingerprint
    assert plain.run_id != held.run_id


def test_keys_of_runs_without_are_what_they_were():
    config = RunConfig(method="zscl", stream="mini", order="I", backbone="mini-clip")
    assert config.key == "4dfed3959d1e728a"
    assert RunConfig.from_json({k: v for k, v in config.as_json().items() if k != "held_out"}) == config


def test_an_interrupted_run_ends_with_the_same(registry, runs, tmp_path, monkeypatch):
    from clbench_baselines.finetune import FineTune

    (config,) = planned(registry, "finetune", held_out=("tiny-held-out",))
    learn = FineTune.learn

    def interrupted(self, task):
        if task.index == 2:
            raise KeyboardInterrupt
        learn(self, task)

    monkeypatch.setattr(FineTune, "learn", interrupted)
    with pytest.raises(KeyboardInterrupt):
        execute(registry, [config], out=tmp_path)
    monkeypatch.undo()
    (outcome,) = execute(registry, [config], out=tmp_path)
    assert read_record(outcome.path).held_out == read_record(runs["finetune"]).held_out


def test_a_changed_figure_is_found(runs, tmp_path):
    record = read_record(runs["finetune"])
    held = record.held_out["tiny-held-out"]
    changed = held.model_copy(update={"after": (*held.after[:-1], held.after[-1] + 10)})
    predictions = load_predictions(runs["finetune"])
    assert not [line for part in rescore(record, predictions) for line in part.differences]
    forged = record.evolve(held_out={"tiny-held-out": changed})
    (line,) = [line for part in rescore(forged, predictions) for line in part.differences]
    assert "held out tiny-held-out, after task 2" in line
    write_record(tmp_path, forged)
    with pytest.raises(ValueError, match=r"held_out\.tiny-held-out has 2 values for 3 rows"):
        record.evolve(held_out={"tiny-held-out": held.model_copy(update={"after": held.after[:2]})})


def test_what_cannot_be_held_out(registry):
    with pytest.raises(ConfigError, match=r"'tiny-pool' cannot be held out(.|\n)*tiny-held-out"):
        planned(registry, "zero-shot", held_out=("tiny-pool",))
    with pytest.raises(ConfigError, match="did you mean 'tiny-held-out'"):
        planned(registry, "zero-shot", held_out=("tiny-heldout",))


def test_it_is_checked_when_it_is_made():
    images = tiny_images(6, 3)
    with pytest.raises(DataError, match="labels from 0 to 2"):
        HeldOut("a", "A", ("one", "two"), ("a {}",), images)
    with pytest.raises(DataError, match="templates"):
        HeldOut("a", "A", ("one", "two", "three"), ("a photo",), images)
    a = HeldOut("a", "A", ("one", "two", "three"), ("a {}",), images)
    assert a.digest != HeldOut("a", "A", ("one", "two", "four"), ("a {}",), images).digest
    assert a.digest != HeldOut("a", "A", a.classes, ("the {}",), images).digest
