"""Runs from the outside: what is on disk afterwards, and what an interruption costs."""

import json
import math
import shutil
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from clbench import Assumptions, FineTuning, MethodSpec, Settings, hookimpl, metrics
from clbench.config import RunConfig
from clbench.events import Progress, RowRecorded, RunFinished, RunStarted
from clbench.methods import constant
from clbench.models import text_classifier, text_features
from clbench.plugins import Registry
from clbench.results.predictions import load_predictions
from clbench.results.store import read_record
from clbench.runs import execute, run_folder
from clbench.testing import tiny_backbone, tiny_plugin, tiny_stream
from filelock import FileLock
from pydantic import Field


class SmallSettings(Settings):
    lr: float = Field(1e-3, gt=0)
    steps: int = Field(4, gt=0)
    explode_at: int = -1


class Small(FineTuning):
    """Fine-tuning that keeps momentum-like state of its own, so that forgetting to restore it shows."""

    interrupt = ""  # "learn:1", "evaluate:1": raise KeyboardInterrupt there
    learned_log: list = []  # noqa: RUF012
    steps_log: list = []  # noqa: RUF012

    def __init__(self, backbone, settings, context):
        super().__init__(backbone, settings, context)
        self.learned = 0
        self.drift = torch.zeros(1)

    def learn(self, task):
        self.learned_log.append(task.key)

        def step(k, batch):
            if self.interrupt in ({f"learn:{task.index}"} if k == 2 else {f"step:{task.index}:{k}"}):
                raise KeyboardInterrupt
            self.steps_log.append(k)
            classifier = text_features(self.backbone, task.labels.first_prompts)
            features = F.normalize(self.backbone.encode_image(batch.images), dim=-1)
            loss = F.cross_entropy(self.backbone.scale * features @ classifier.T, batch.labels)
            if task.index == self.settings.explode_at and k == 3:
                loss = loss * math.nan
            return {"ce": loss}

        self.context.fit(
            task,
            [p for _, p in self.backbone.trainable()],
            step,
            steps=self.settings.steps,
            schedule=constant(self.settings.lr + float(self.drift)),
            batch_size=8,
            state=(),
        )
        self.learned += 1
        self.drift = torch.rand(1) * 1e-4  # from the global state: must be restored with the task
        self.weights_changed()

    def learn_jointly(self, tasks):
        for task in tasks:
            self.learn(task)

    def score(self, images, labels):
        if self.interrupt == f"evaluate:{self.learned - 1}":
            raise KeyboardInterrupt
        return super().score(images, labels)

    @classmethod
    def declares(cls, settings):
        return {"rate": settings.lr}

    def state_dict(self):
        return super().state_dict() | {"learned": self.learned, "drift": self.drift}

    def load_state_dict(self, state):
        super().load_state_dict(state)
        self.learned, self.drift = state["learned"], state["drift"]


class SmallPlugin:
    __name__ = "small"

    @hookimpl
    def clbench_methods(self):
        def spec(name, protocol="stream"):
            return MethodSpec(
                name=name,
                title=name.title(),
                summary="a test's method",
                factory=f"{__name__}:Small",
                settings=f"{__name__}:SmallSettings",
                protocol=protocol,
                assumptions=Assumptions(),
            )

        return [
            spec("small"),
            spec("frozen", "zero_shot"),
            spec("joint", "joint"),
            spec("independent", "independent"),
        ]


class Observer:
    __name__ = "observer"

    def __init__(self):
        self.heard = []

    @hookimpl
    def clbench_row_recorded(self, event):
        self.heard.append(event)
        raise RuntimeError("an observer must not stop a run")


@pytest.fixture(autouse=True)
def _quiet():
    torch.set_num_threads(1)
    Small.interrupt, Small.learned_log, Small.steps_log = "", [], []
    sys.modules.setdefault(__name__, sys.modules[Small.__module__])


@pytest.fixture(autouse=True)
def _stream_built_once(monkeypatch):
    stream = tiny_stream()
    monkeypatch.setattr("clbench.testing.doubles.tiny_stream", lambda: stream)


def _registry(*more):
    return Registry.of(tiny_plugin, SmallPlugin(), *more)


def _config(method="small", seed=0, checkpoint_steps=None, **settings):
    settings = {"lr": 1e-3, "steps": 4, "explode_at": -1} | settings
    return RunConfig(
        method=method,
        stream="tiny",
        order="I",
        backbone="tiny",
        seed=seed,
        eval_batch=5,
        checkpoint_steps=checkpoint_steps,
        settings=settings,
        settings_sources=dict.fromkeys(settings, "user"),
    )


def _run(out, *configs, registry=None, listener=None):
    return execute(registry or _registry(), configs, out=out, listener=listener)


def _matrix(outcome):
    return read_record(outcome.path).matrices


def test_a_run_leaves_a_complete_record(tmp_path):
    [outcome] = _run(tmp_path, _config())
    assert outcome.status == "finished"
    record = read_record(outcome.path)
    assert record.status == "finished"
    assert [t.key for t in record.stream.tasks] == ["t0", "t1", "t2"]
    for space in ("task", "seen", "union"):
        assert np.shape(record.matrices[space]) == (3, 3)
    A = record.matrix
    assert record.metrics.transfer == metrics.transfer(A)
    assert record.metrics.average == metrics.average(A)
    assert record.metrics.last == metrics.last(A)
    trained = sum(p.numel() for n, p in tiny_backbone().model.named_parameters() if n != "logit_scale")
    assert record.resources.trainable_parameters == (trained,) * 3
    assert len(record.resources.learn_seconds) == len(record.resources.evaluate_seconds) == 3
    assert record.resources.peak_memory_bytes > 50e6
    assert record.provenance.plugins == {"local": "0"}
    assert all(0 <= a * 12 / 100 <= 12 and (a * 12 / 100) == pytest.approx(round(a * 12 / 100)) for a in A[0])
    assert record.declared == {"rate": 1e-3}


def test_accuracies_follow_from_the_stored_predictions_and_from_the_model(tmp_path):
    [outcome] = _run(tmp_path, _config())
    record = read_record(outcome.path)
    predictions = load_predictions(outcome.path, record.predictions)
    for space, rows in record.matrices.items():
        for i, row in enumerate(rows):
            for task, value in zip(record.stream.tasks, row, strict=True):
                assert predictions.accuracy(space, i, task.key) == value
    # the zero-shot row, computed here in the plainest way
    backbone, stream = tiny_backbone(), tiny_stream()
    for space, labels in (("union", stream.union), ("task", None)):
        for j, task in enumerate(stream.tasks):
            images = torch.stack(
                [
                    backbone.preprocessing.normalise(
                        torch.from_numpy(backbone.preprocessing.to_pixels(task.test.image(i)))[None]
                    )[0]
                    for i in range(len(task.test))
                ]
            )
            with torch.no_grad():
                features = F.normalize(backbone.encode_image(images), dim=-1)
                logits = features @ text_classifier(backbone, labels or task.labels).T
            truth = torch.from_numpy(task.test.labels) + (stream.offsets[j] if labels else 0)
            expected = 100.0 * (logits.argmax(1) == truth).float().mean().item()
            assert record.zero_shot[space][j] == pytest.approx(expected)


def test_narrower_label_spaces_are_never_harder(tmp_path):
    record = read_record(_run(tmp_path, _config())[0].path)
    task, seen, union = (np.array(record.matrices[s]) for s in ("task", "seen", "union"))
    assert (union <= seen + 1e-9).all()
    assert (seen <= task + 1e-9).all()
    assert (seen[-1] == union[-1]).all()
    assert (np.triu(seen, 1) == np.triu(task, 1)).all()


def test_the_same_command_again_computes_nothing(tmp_path):
    first = _matrix(_run(tmp_path, _config())[0])
    Small.learned_log.clear()
    events = []
    [again] = _run(tmp_path, _config(), listener=events.append)
    assert again.status == "cached"
    assert Small.learned_log == []
    assert _matrix(again) == first
    assert [type(e) for e in events] == [RunFinished]
    assert len(events[0].matrix) == 3


def test_seeds_and_settings_are_runs_of_their_own(tmp_path):
    a, b, c = _run(tmp_path, _config(), _config(seed=1), _config(lr=0.01))
    assert len({a.path, b.path, c.path}) == 3
    assert _matrix(a) != _matrix(c)


@pytest.mark.parametrize(
    "moment", ["learn:0", "learn:1", "learn:2", "evaluate:0", "evaluate:1", "evaluate:2"]
)
def test_an_interrupted_run_goes_on_and_ends_bit_equal(tmp_path, moment):
    _run(tmp_path / "straight", _config())
    Small.interrupt = moment
    with pytest.raises(KeyboardInterrupt):
        _run(tmp_path / "cut", _config())
    Small.interrupt = ""
    Small.learned_log.clear()
    events = []
    [outcome] = _run(tmp_path / "cut", _config(), listener=events.append)
    assert outcome.status == "finished"
    phase, index = moment.split(":")
    expected_left = ["t0", "t1", "t2"][int(index) + (phase == "evaluate") :]
    assert Small.learned_log == expected_left, "finished tasks are learned once"
    started = next(e for e in events if isinstance(e, RunStarted))
    assert started.resumed_rows == int(index)
    straight_folder = next((tmp_path / "straight").rglob("record.json")).parent
    assert _matrix(outcome) == read_record(straight_folder).matrices
    weights = [
        torch.load(folder / "checkpoint.pt", weights_only=True)["state"]
        for folder in (straight_folder, outcome.path)
    ]
    assert weights[0]["model"].keys() == weights[1]["model"].keys()
    for name in weights[0]["model"]:
        assert torch.equal(weights[0]["model"][name], weights[1]["model"][name]), name


def test_a_failing_method_is_recorded_and_the_others_go_on(tmp_path):
    bad, good = _run(tmp_path, _config(explode_at=1), _config())
    assert (bad.status, good.status) == ("failed", "finished")
    assert "task t1, step 3" in bad.reason
    record = read_record(bad.path)
    assert record.status == "failed"
    assert record.failure.task == "t1"
    assert record.failure.step == 3
    assert record.rows == 1, "what was computed is kept"
    assert record.metrics is None


def test_zero_shot_row_is_computed_once_for_all(tmp_path):
    phases = []

    def listen(event):
        if isinstance(event, Progress):
            phases.append((event.method, event.phase))

    outcomes = _run(tmp_path, _config(), _config("frozen"), _config(seed=1), listener=listen)
    assert {m for m, p in phases if p == "zero-shot"} == {"small"}
    assert len(list((tmp_path / "zero-shot").glob("*.npz"))) == 1
    frozen = read_record(outcomes[1].path)
    assert frozen.matrix == (frozen.zero_shot["task"],) * 3
    assert frozen.resources.trainable_parameters == ()


def test_test_images_are_decoded_once_and_told_before_anything_is_tested(tmp_path, monkeypatch):
    monkeypatch.setenv("CLBENCH_CACHE", str(tmp_path / "cache"))
    told = []

    def listen(event):
        if isinstance(event, Progress):
            told.append((event.phase, event.done, event.total))

    _run(tmp_path / "one", _config(), listener=listen)
    phases = [phase for phase, _, _ in told]
    decoding = [(done, total) for phase, done, total in told if phase == "decode"]
    assert decoding[0] == (0, 36)
    assert decoding[-1] == (36, 36)
    assert phases.index("decode") < phases.index("zero-shot")
    told.clear()
    _run(tmp_path / "other", _config(), listener=listen)
    assert "decode" not in [phase for phase, _, _ in told]


def test_a_cache_without_room_ends_a_run_before_it_begins(tmp_path, monkeypatch):
    monkeypatch.setenv("CLBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(10, 10, 0))
    (outcome,) = _run(tmp_path, _config())
    assert outcome.status == "failed"
    assert "no room for the decoded test images" in outcome.reason
    assert "set CLBENCH_CACHE to a folder with room" in outcome.reason


def test_zero_shot_row_does_not_depend_on_the_order(tmp_path):
    from dataclasses import replace

    one, two = _run(tmp_path, _config("frozen"), replace(_config("frozen"), order="II"))
    assert len(list((tmp_path / "zero-shot").glob("*.npz"))) == 1
    a, b = read_record(one.path), read_record(two.path)
    for space in ("task", "union"):
        by_key = [{t.key: v for t, v in zip(r.stream.tasks, r.zero_shot[space], strict=True)} for r in (a, b)]
        assert by_key[0] == by_key[1]
    assert a.fingerprint.digest == b.fingerprint.digest
    # seen classes grow in another order, so that label space may differ, but ends in the union
    assert a.matrices["seen"][-1] == a.zero_shot["union"]


def test_joint_learns_once_and_answers_every_row(tmp_path):
    record = read_record(_run(tmp_path, _config("joint"))[0].path)
    assert Small.learned_log == ["t0", "t1", "t2"]
    assert record.matrix[0] == record.matrix[1] == record.matrix[2]
    assert record.notes


def test_independent_models_keep_their_tasks(tmp_path):
    record = read_record(_run(tmp_path, _config("independent"))[0].path)
    A, zero = np.array(record.matrix), np.array(record.zero_shot["task"])
    for i in range(3):
        assert (A[i, : i + 1] == np.diag(A)[: i + 1]).all()
        assert (A[i, i + 1 :] == zero[i + 1 :]).all()
    single = read_record(_run(tmp_path, _config())[0].path)
    assert A[0, 0] == single.matrix[0][0], "the first task is learned as in a stream"


def test_observers_hear_every_row_and_cannot_stop_a_run(tmp_path):
    plugin = Observer()
    [outcome] = _run(tmp_path, _config(), registry=_registry(plugin))
    assert outcome.status == "finished"
    assert [e.index for e in plugin.heard] == [0, 1, 2]
    assert all(isinstance(e, RowRecorded) for e in plugin.heard)


def _while_waiting(folder, act):
    """A listener that ends another process's work on the run in ``folder`` when it is waited for."""
    folder.mkdir(parents=True)
    lock = FileLock(folder / ".lock", thread_local=False)
    lock.acquire()
    events = []

    def listen(event):
        events.append(event)
        if isinstance(event, Progress) and event.phase == "wait":
            act(folder)
            lock.release()

    return listen, events


def test_a_second_command_waits_for_the_first_and_does_nothing_again(tmp_path):
    [other] = _run(tmp_path / "other", _config())
    Small.learned_log.clear()
    folder = run_folder(tmp_path, _config())
    listen, events = _while_waiting(
        folder, lambda folder: shutil.copytree(other.path, folder, dirs_exist_ok=True)
    )
    [outcome] = _run(tmp_path, _config(), listener=listen)
    assert outcome.status == "cached"
    assert Small.learned_log == []
    assert [type(event) for event in events] == [Progress, RunFinished]


def test_a_second_command_waits_for_the_first_and_fails_as_it_does(tmp_path):
    config = _config(explode_at=1)
    [other] = _run(tmp_path / "other", config)
    Small.learned_log.clear()
    listen, _ = _while_waiting(
        run_folder(tmp_path, config),
        lambda folder: shutil.copy(other.path / "record.json", folder / "record.json"),
    )
    [outcome] = _run(tmp_path, config, listener=listen)
    assert (outcome.status, outcome.reason) == ("failed", other.reason)
    assert Small.learned_log == []


def test_a_second_command_goes_on_where_the_first_was_killed(tmp_path):
    listen, _ = _while_waiting(run_folder(tmp_path, _config()), lambda folder: None)
    [outcome] = _run(tmp_path, _config(), listener=listen)
    assert outcome.status == "finished"


def test_a_damaged_record_is_written_anew_from_what_was_kept(tmp_path):
    [outcome] = _run(tmp_path, _config())
    before = _matrix(outcome)
    document = json.loads((outcome.path / "record.json").read_text())
    document["matrices"]["task"][0][0] += 1
    (outcome.path / "record.json").write_text(json.dumps(document))
    Small.learned_log.clear()
    [again] = _run(tmp_path, _config())
    assert again.status == "finished"
    assert Small.learned_log == []
    assert _matrix(again) == before


def test_a_damaged_checkpoint_is_an_error_that_names_the_fix(tmp_path):
    [outcome] = _run(tmp_path, _config())
    (outcome.path / "record.json").unlink()
    (outcome.path / "checkpoint.pt").write_bytes(b"torn")
    [again] = _run(tmp_path, _config())
    assert again.status == "failed"
    assert "delete" in again.reason


@pytest.mark.slow
def test_kill_at_a_random_moment_then_rerun_gives_the_same_run(tmp_path):
    """SIGKILL leaves no chance to clean up; the moment is drawn anew in every test run."""
    script = textwrap.dedent(
        f"""
        import importlib.util, sys, pathlib
        spec = importlib.util.spec_from_file_location("execution_test", {str(Path(__file__))!r})
        module = importlib.util.module_from_spec(spec)
        sys.modules["execution_test"] = module
        spec.loader.exec_module(module)
        print("ready", flush=True)
        module._run(pathlib.Path(sys.argv[1]), module._config(steps=60))
        """
    )

    def start(out):
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(out)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout.readline() == "ready\n"
        return process

    started = time.monotonic()
    assert start(tmp_path / "straight").wait(120) == 0
    length = time.monotonic() - started
    for _ in range(3):
        process = start(tmp_path / "cut")
        time.sleep(np.random.default_rng().uniform(0.1, 0.4) * length)
        process.kill()
        process.wait()
    assert start(tmp_path / "cut").wait(120) == 0
    records = [read_record(next((tmp_path / n).rglob("record.json"))) for n in ("straight", "cut")]
    assert records[0].matrices == records[1].matrices
    assert records[0].zero_shot == records[1].zero_shot


@pytest.mark.parametrize(("meta", "shots"), [({"shots": 5}, 5), ({"shots": "full"}, None), ({}, None)])
def test_shots_of_the_stream_are_recorded(tmp_path, monkeypatch, meta, shots):
    stream = replace(tiny_stream(), meta=meta)
    monkeypatch.setattr("clbench.testing.doubles.tiny_stream", lambda: stream)
    [outcome] = _run(tmp_path, _config("frozen"))
    assert read_record(outcome.path).stream.shots == shots


@pytest.mark.parametrize("damage", [lambda p: p.write_bytes(p.read_bytes()[:-4]), lambda p: p.unlink()])
def test_damaged_predictions_of_a_finished_run_are_mended_with_a_word(tmp_path, damage, caplog):
    [outcome] = _run(tmp_path, _config())
    matrix, path = _matrix(outcome), outcome.path / "predictions.npz"
    content = path.read_bytes()
    damage(path)
    Small.learned_log.clear()
    [again] = _run(tmp_path, _config())
    assert again.status == "finished"
    assert "predictions" in caplog.text
    assert Small.learned_log == []
    assert _matrix(again) == matrix
    assert path.read_bytes() == content
    [last] = _run(tmp_path, _config())
    assert last.status == "cached"


def test_a_record_that_says_something_else_than_its_predictions_is_written_anew(tmp_path, caplog):
    [outcome] = _run(tmp_path, _config())
    path = outcome.path / "record.json"
    document = json.loads(path.read_text())
    zero_shot = list(document["zero_shot"]["task"])
    document["zero_shot"]["task"][0] += 1  # in none of the metrics
    path.write_text(json.dumps(document))
    [again] = _run(tmp_path, _config())
    assert "is not what its predictions give: zero-shot, on t0" in caplog.text
    assert list(read_record(again.path).zero_shot["task"]) == zero_shot


def test_a_task_whose_checkpoint_is_damaged_is_learned_again_and_the_run_ends_as_it_would_have(tmp_path):
    [straight] = _run(tmp_path / "straight", _config())
    Small.interrupt = "learn:2"
    with pytest.raises(KeyboardInterrupt):
        _run(tmp_path / "cut", _config())
    Small.interrupt = ""
    [path] = (tmp_path / "cut").rglob("checkpoint.pt")
    path.write_bytes(path.read_bytes()[:-1])
    Small.learned_log.clear()
    [outcome] = _run(tmp_path / "cut", _config())
    assert outcome.status == "finished"
    assert Small.learned_log == ["t1", "t2"]
    assert _matrix(outcome) == _matrix(straight)


def _same(one, other):
    assert _matrix(one) == _matrix(other)
    states = [torch.load(o.path / "checkpoint.pt", weights_only=True)["state"] for o in (one, other)]
    assert float(states[0]["drift"]) == float(states[1]["drift"]), "the global random state is the same"
    for name, value in states[0]["model"].items():
        assert torch.equal(value, states[1]["model"][name]), name


@pytest.mark.parametrize("method", ["small", "joint", "independent"])
def test_a_task_that_is_stopped_in_the_middle_goes_on_at_the_last_step_kept(tmp_path, method):
    settings = {"steps": 12, "checkpoint_steps": 5}
    [straight] = _run(tmp_path / "straight", _config(method, **settings))
    task = 0 if method == "joint" else 1
    Small.interrupt = f"step:{task}:9"
    with pytest.raises(KeyboardInterrupt):
        _run(tmp_path / "cut", _config(method, **settings))
    Small.interrupt, Small.steps_log = "", []
    [outcome] = _run(tmp_path / "cut", _config(method, **settings))
    assert Small.steps_log[:7] == [5, 6, 7, 8, 9, 10, 11]
    _same(outcome, straight)
    assert not (outcome.path / "middle").exists()
    assert read_record(outcome.path).resources.learn_seconds[task] > 0


def test_a_damaged_middle_costs_its_steps_alone(tmp_path, caplog):
    settings = {"steps": 12, "checkpoint_steps": 5}
    [straight] = _run(tmp_path / "straight", _config(**settings))
    Small.interrupt = "step:1:9"
    with pytest.raises(KeyboardInterrupt):
        _run(tmp_path / "cut", _config(**settings))
    [middle] = (tmp_path / "cut").rglob("middle/*.pt")
    content = bytearray(middle.read_bytes())
    content[len(content) // 2] ^= 1
    middle.write_bytes(content)
    Small.interrupt, Small.steps_log = "", []
    [outcome] = _run(tmp_path / "cut", _config(**settings))
    assert Small.steps_log[:2] == [0, 1]
    assert "its steps are taken again" in caplog.text
    _same(outcome, straight)


def test_how_often_the_middle_is_kept_is_no_other_run():
    assert _config().key == _config(checkpoint_steps=7).key


def test_what_was_seen_of_a_method_before_an_interruption_is_in_the_record(tmp_path, monkeypatch):
    from clbench.runs.supervisor.recording import Recorder

    noted = []
    honest = Recorder.row

    def row(self, *given):
        if not noted:
            noted.append(True)
            self.note_touched("test images", "/somewhere/test.png")
        return honest(self, *given)

    monkeypatch.setattr(Recorder, "row", row)
    Small.interrupt = "learn:1"
    with pytest.raises(KeyboardInterrupt):
        _run(tmp_path, _config())
    Small.interrupt = ""
    [outcome] = _run(tmp_path, _config())
    conduct = read_record(outcome.path).conduct
    assert conduct.touched == {"test images": ("/somewhere/test.png",)}
    assert not conduct.isolated
    assert isinstance(conduct.test_order, int)
