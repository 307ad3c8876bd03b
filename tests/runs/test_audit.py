"""``clbench audit``: methods that ask their batch score otherwise in other batches, the others do not."""

import clbench_baselines.plugin
import clbench_diki.plugin
import clbench_moe_adapters.plugin
import clbench_zscl.plugin
import numpy as np
import pytest
from clbench.cli import main
from clbench.cli.session import Session
from clbench.config import Options, resolve
from clbench.errors import RecordError
from clbench.plugins import Registry
from clbench.results import read_record, write_record
from clbench.runs import execute
from clbench.runs.audit import audit, limited
from clbench.testing import tiny_plugin, tiny_stream
from click.testing import CliRunner

REGISTRY = Registry.of(
    tiny_plugin,
    clbench_baselines.plugin,
    clbench_diki.plugin,
    clbench_moe_adapters.plugin,
    clbench_zscl.plugin,
)
SETTINGS = {
    "zscl": {"iterations": 3, "warmup": 1, "lr": 1e-3, "batch_size": 6, "reference_batch_size": 6},
    "diki": {"depth": 2, "length": 2, "steps": 20, "batch_size": 12, "lr": 20.0, "score_scale": "dimension"},
    "moe-adapters": {
        "iterations": 20,
        "warmup": 1,
        "batch_size": 12,
        "lr": 3e-2,
        "experts": 4,
        "bottleneck": 4,
        "features": "tokens",
        "autoencoder_augment": False,
        "code": 4,
        "autoencoder_iterations": 20,
        "reference_iterations": 20,
        "autoencoder_batch_size": 8,
        "threshold": "quantile",
        "quantile": 1.0,
        "adapter_scale": 1.0,
    },
    "finetune": {"iterations": 2, "warmup": 1, "batch_size": 6},
    "independent": {"iterations": 2, "warmup": 1, "batch_size": 6},
}
PER_SAMPLE = {"diki": "per_sample", "moe-adapters": "per_sample"}


def finished(out, *methods, **options):
    settings = {name: SETTINGS.get(name, {}) for name in methods} | options.pop("settings", {})
    configs = resolve(
        REGISTRY,
        Options(
            methods=methods, stream="tiny", device="cpu", eval_batch=12, settings=settings, out=out, **options
        ),
    )
    outcomes = execute(REGISTRY, configs, out=out)
    assert [outcome.status for outcome in outcomes] == ["finished"] * len(methods)
    return dict(zip(methods, (outcome.path for outcome in outcomes), strict=True))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return finished(
        tmp_path_factory.mktemp("runs"), "zscl", "diki", "moe-adapters", "zero-shot", "independent"
    )


@pytest.fixture(scope="module")
def per_sample(tmp_path_factory):
    settings = {name: SETTINGS[name] | {"inference": "per_sample"} for name in PER_SAMPLE}
    return finished(tmp_path_factory.mktemp("per-sample"), *PER_SAMPLE, settings=settings)


def changed(found, composition, space="task"):
    return sum(found.changed(composition, space))


@pytest.mark.parametrize("method", ["diki", "moe-adapters"])
def test_a_method_that_infers_the_task_from_its_batch_is_shown_to(runs, method):
    found = audit(REGISTRY, runs[method])
    assert found.reproduces("task")
    assert found.reproduces("union")
    assert changed(found, "mixed") > 0
    assert changed(found, "single") > 0
    assert found.row("mixed", "task") != found.row("natural", "task")


@pytest.mark.parametrize("method", ["zscl", "zero-shot"])
def test_a_method_that_scores_an_image_by_itself_has_no_gap(runs, method):
    found = audit(REGISTRY, runs[method])
    assert found.reproduces("task")
    assert list(found.evaluations) == ["natural", "mixed", "single"]
    for composition in ("mixed", "single"):
        for space in ("task", "seen", "union"):
            assert changed(found, composition, space) == 0
            assert found.row(composition, space) == found.row("natural", space)
            assert found.last(composition, space) == found.record.metrics.last or space != "task"


@pytest.mark.parametrize("method", list(PER_SAMPLE))
def test_inference_by_the_single_image_has_no_gap(per_sample, method):
    found = audit(REGISTRY, per_sample[method])
    assert changed(found, "mixed") == changed(found, "single") == 0


def test_a_limit_draws_images_by_seed(runs):
    found = audit(REGISTRY, runs["zscl"], limit=5, seed=3, compositions=["mixed"])
    assert found.images == {"t0": 5, "t1": 5, "t2": 5}
    assert found.reproduces("task") is None
    assert list(found.evaluations) == ["natural", "mixed"]
    stream = tiny_stream()
    again, other = limited(stream, 5, 3), limited(stream, 5, 4)
    assert again.digests == limited(stream, 5, 3).digests
    assert again.digests["test_split"] != other.digests["test_split"]
    assert again.digests["train_split"] == other.digests["train_split"]
    assert len(limited(stream, 12, 0).tasks[0].test) == 12
    assert audit(REGISTRY, runs["zscl"], limit=12, compositions=["mixed"]).reproduces("task")


def test_what_cannot_be_audited_is_said(runs, tmp_path):
    with pytest.raises(RecordError, match="a model for each task"):
        audit(REGISTRY, runs["independent"])
    record = read_record(runs["zscl"])
    write_record(tmp_path, record)
    with pytest.raises(RecordError, match="no checkpoint of all tasks"):
        audit(REGISTRY, tmp_path)
    write_record(tmp_path, record.evolve(status="running", metrics=None, predictions=None))
    with pytest.raises(RecordError, match="only a finished run"):
        audit(REGISTRY, tmp_path)


def test_a_run_in_mixed_batches_is_another_protocol(runs, tmp_path):
    one = finished(tmp_path, "diki", batches="mixed")["diki"]
    natural, mixed = read_record(runs["diki"]), read_record(one)
    assert natural.run_id != mixed.run_id
    assert natural.fingerprint.fields.batch_composition == "natural-12"
    assert mixed.fingerprint.fields.batch_composition == "mixed-12"
    assert natural.matrix != mixed.matrix
    found = audit(REGISTRY, one, compositions=["natural"])
    assert found.usual == "mixed"
    assert found.reproduces("task")
    assert found.row("mixed", "task") == mixed.matrix[-1]
    assert found.row("natural", "task") == natural.matrix[-1]


def test_a_run_in_single_batches(tmp_path):
    path = finished(tmp_path, "zero-shot", batches="single")["zero-shot"]
    assert read_record(path).fingerprint.fields.batch_composition == "single"


# -- the command -----------------------------------------------------------------------------------------


def invoke(*words):
    return CliRunner().invoke(main, ["audit", *map(str, words)], obj=Session(given=REGISTRY))


def test_the_command_shows_the_gap(runs):
    done = invoke(runs["diki"])
    assert done.exit_code == 0, done.output
    assert "task identity: one task for a whole test batch, by majority vote" in done.output
    assert "36 of 36 test images; batches of 12" in done.output
    found = audit(REGISTRY, runs["diki"], compositions=["mixed"])
    gap = found.last("mixed", "task") - found.last("natural", "task")
    lines = {line.split("  ")[0].strip() or line.split()[1]: line for line in done.output.splitlines()}
    rows = [line.split() for line in done.output.splitlines()]
    (mixed,) = [row for row in rows if row[:1] == ["mixed"]]
    assert mixed[1:5] == [f"{v:.1f}" for v in (*found.row("mixed", "task"), found.last("mixed", "task"))]
    first_gap = next(row for row in rows if row[:2] == ["−", "natural"])
    assert first_gap[-1] == (f"{gap:+.1f}" if gap else "0")
    assert lines


def test_the_command_states_its_limit(runs):
    done = invoke(runs["zscl"], "--limit", "4", "--batches", "mixed", "--label-space", "union")
    assert done.exit_code == 0, done.output
    assert "12 of 36 test images, at most 4 a task, drawn with seed 0" in done.output
    assert "label space union" in done.output
    assert "single" not in done.output


def test_the_command_says_when_the_record_is_not_reproduced(runs, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(runs["zscl"], copy)
    record = read_record(copy)
    rows = [list(row) for row in record.matrices["task"]]
    rows[-1][0] = 100.0 - rows[-1][0]
    from clbench.results import measure

    write_record(
        copy,
        record.evolve(matrices={**record.matrices, "task": tuple(map(tuple, rows))}, metrics=measure(rows)),
    )
    done = invoke(copy, "--batches", "mixed")
    assert done.exit_code == 1
    assert "is not the recorded one" in done.output


def test_an_unknown_composition_is_named(runs):
    done = invoke(runs["zscl"], "--batches", "mixd")
    assert done.exit_code == 2
    assert "did you mean 'mixed'?" in done.output


def test_accuracies_of_an_audit_are_those_of_the_predictions(runs):
    found = audit(REGISTRY, runs["moe-adapters"], compositions=["mixed"])
    stream = tiny_stream()
    predicted = found.evaluations["mixed"].predictions(stream, "union", 3)
    truth = {task.key: task.test.labels + stream.offsets[j] for j, task in enumerate(stream.tasks)}
    expected = [100.0 * np.mean(predicted[key] == truth[key]) for key in stream.keys]
    np.testing.assert_allclose(found.row("mixed", "union"), expected)
