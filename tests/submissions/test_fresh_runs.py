"""What the harness records now is verified: every protocol, data sets held out, classes that tasks share."""

import itertools
import json
import sys
import types

import numpy as np
import PIL.Image
import pytest
from clbench import StreamSpec, TaskSummary, hookimpl
from clbench.config import Options, resolve
from clbench.plugins import Registry, get_registry
from clbench.results import load_predictions, save_predictions
from clbench.runs import execute
from clbench.streams import Stream, Task, shared_classes
from clbench.submissions import pack, verify
from clbench.testing import tiny_plugin
from clbench.testing.doubles import tiny_images

METHODS = ("finetune", "zero-shot", "joint", "independent")
QUICK = {name: {"iterations": 2, "warmup": 1, "batch_size": 6, "lr": 1e-2} for name in METHODS} | {
    "zero-shot": {}
}


@pytest.fixture(scope="module")
def tiny():
    return Registry([*Registry.of(tiny_plugin)._loaded, *get_registry()._loaded])


@pytest.fixture(scope="module")
def runs(tiny, tmp_path_factory):
    wishes = Options(methods=METHODS, stream="tiny", settings=QUICK, held_out=("tiny-held-out",))
    configs = resolve(tiny, wishes, find_device=lambda name: "cpu")
    outcomes = execute(tiny, configs, out=tmp_path_factory.mktemp("runs"))
    assert [o.status for o in outcomes] == ["finished"] * len(METHODS), [o.reason for o in outcomes]
    return {o.config.method: o.path for o in outcomes}


def failures(found):
    """Without what is true of a checkout in which files were changed."""
    return {
        c.name: c.details
        for c in found.of("failed")
        if not (c.name == "provenance" and c.details and "tracked files were changed" in c.details[0])
    }


@pytest.mark.parametrize("method", METHODS)
def test_a_fresh_run_is_verified(runs, tiny, method):
    found = verify(runs[method], tiny, weights=True)
    assert not failures(found)
    assert not found.of("not checkable")


def test_a_changed_figure_of_a_held_out_data_set_is_found(runs, tiny, forged, tmp_path):
    submission = pack(runs["finetune"])
    record = json.loads(submission.members["record.json"])
    held = record["held_out"]["tiny-held-out"]
    held["after"][1] = held["after"][1] + 10 if held["after"][1] < 50 else held["after"][1] - 10
    assert "matrices" in failures(verify(forged(tmp_path, submission, record=record), tiny))
    record["held_out"]["tiny-held-out"] |= {"digest": "0" * 16, "after": held["after"]}
    assert "data" in failures(verify(forged(tmp_path, submission, record=record), tiny))


def test_answers_that_a_held_out_data_set_does_not_have_are_found(runs, tiny, forged, tmp_path):
    submission, kept = pack(runs["finetune"]), load_predictions(runs["finetune"])
    answers = {k: v.copy() for k, v in kept.answers.items()}
    key = next(k for k in answers if k.task == "tiny-held-out")
    answers[key][0] = 99
    entry = save_predictions(tmp_path, answers, kept.truth)
    record = json.loads(submission.members["record.json"])
    record["predictions"]["sha256"] = entry.sha256
    content = (tmp_path / "predictions.npz").read_bytes()
    assert "label spaces" in failures(
        verify(forged(tmp_path, submission, record=record, predictions=content), tiny)
    )


@pytest.fixture
def own(tmp_path, clbench_cache):
    """A stream of two tasks in folders of images, and its file."""
    random = np.random.default_rng(0)
    for task in ("birds", "tools"):
        for split, name, number in itertools.product(("train", "test"), ("one", "two"), range(3)):
            path = tmp_path / task / split / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            PIL.Image.fromarray(random.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(path)
    tasks = [{"key": key, "train": f"{key}/train", "test": f"{key}/test"} for key in ("birds", "tools")]
    content = {"name": "mine", "backbone": "tiny", "templates": ["a {}."], "tasks": tasks}
    (tmp_path / "mine.yaml").write_text(json.dumps(content))  # JSON is YAML
    return tmp_path / "mine.yaml"


def test_a_stream_of_ones_own_is_verified_where_its_file_is(tiny, own, tmp_path):
    configs = resolve(tiny, Options(methods=("zero-shot",), stream=str(own)), find_device=lambda name: "cpu")
    (outcome,) = execute(tiny, configs, out=tmp_path / "runs")
    assert outcome.status == "finished", outcome.reason

    def sentences(found):
        assert not failures(found)
        return {check.name: check.sentence for check in found.of("not checkable")}

    without = sentences(verify(outcome.path, tiny))
    assert set(without) == {"stream", "data", "weights"}
    assert "own file mine.yaml, which is not here: --stream mine.yaml" in without["data"]
    assert str(tmp_path) not in without["data"]
    assert set(sentences(verify(outcome.path, tiny, stream=own))) == {"weights"}
    PIL.Image.new("RGB", (16, 16)).save(tmp_path / "birds/test/one/0.png")
    assert "or of other images" in sentences(verify(outcome.path, tiny, stream=own))["data"]


def domains():
    """The same classes in every task."""
    tasks = tuple(
        Task(
            f"d{j}",
            f"Domain {j}",
            ("bird", "cup", "bus"),
            ("a photo of a {}.",),
            tiny_images(9, 3, seed=j, domain=j),
            tiny_images(6, 3, seed=50 + j, domain=j),
        )
        for j in range(3)
    )
    return Stream("domains", tasks, protocol="dil", shared=shared_classes(tasks))


class Domains:
    """A plugin with that stream."""

    @hookimpl
    def clbench_streams(self):
        tasks = tuple(
            TaskSummary(key=f"d{j}", title=f"Domain {j}", classes=3, train=9, test=6) for j in range(3)
        )
        return [
            StreamSpec(
                name="domains",
                title="Domains",
                summary="the same classes in every task",
                factory="domains_of_the_tests:domains",
                tasks=tasks,
                orders={"I": ("d0", "d1", "d2")},
                default_order="I",
                default_backbone="tiny",
                protocol="dil",
                label_space="union",
                classes=3,
            )
        ]


def test_classes_that_tasks_share_are_verified(tmp_path, monkeypatch):
    module = types.ModuleType("domains_of_the_tests")
    module.domains = domains
    monkeypatch.setitem(sys.modules, module.__name__, module)
    registry = Registry([*Registry.of(tiny_plugin, Domains())._loaded, *get_registry()._loaded])
    wishes = Options(methods=("finetune",), stream="domains", settings={"finetune": QUICK["finetune"]})
    (outcome,) = execute(registry, resolve(registry, wishes, find_device=lambda name: "cpu"), out=tmp_path)
    assert outcome.status == "finished", outcome.reason
    found = verify(outcome.path, registry)
    assert not failures(found)
    assert {check.name for check in found.of("not checkable")} == {"weights"}
