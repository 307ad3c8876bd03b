"""Runs as MLflow reads them, from a local database."""

import pytest
from clbench.testing import plugin_laws
from clbench.testing.tracked import TRACKED_MATRIX, play_run
from mlflow import MlflowClient

test_plugin = plugin_laws("clbench-mlflow")


@pytest.fixture(autouse=True)
def _local(monkeypatch):
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)


def shown(out):
    """(client, the one run)"""
    uri = f"sqlite:///{out / 'mlflow.db'}"
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    experiment = client.get_experiment_by_name("clbench-toy-stream")
    (run,) = client.search_runs([experiment.experiment_id])
    return client, run


@pytest.mark.parametrize(
    "runs",
    [[{}], [{"stop": 2, "ending": "killed"}, {"start": 2}], [{"start": 2}], [{"ending": "cached"}]],
    ids=["whole", "interrupted", "tracked late", "finished before"],
)
def test_each_row_is_shown_once_with_its_files(tmp_path, runs):
    for played in runs:
        record = play_run("mlflow", tmp_path, **played)
    client, run = shown(tmp_path)
    rows = [(50.0,) * 3, *TRACKED_MATRIX]
    for task in range(3):
        points = client.get_metric_history(run.info.run_id, f"accuracy/t{task}")
        assert [(p.step, p.value) for p in points] == [(i, row[task]) for i, row in enumerate(rows)]
    assert run.info.status == "FINISHED"
    assert run.data.metrics["last"] == record.metrics.last
    assert run.data.params["settings.lr"] == "0.1"
    assert run.data.tags["method"] == "toy"
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["record.json"]


def test_a_failure_is_said(tmp_path):
    play_run("mlflow", tmp_path, stop=1, ending="failed")
    _, run = shown(tmp_path)
    assert run.info.status == "FAILED"
    assert run.data.tags["reason"] == "NotFiniteError: loss is nan"


def test_another_experiment(tmp_path, monkeypatch):
    uri = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "ours")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", uri)
    monkeypatch.chdir(tmp_path)
    play_run("mlflow", tmp_path / "out")
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    experiment = client.get_experiment_by_name("ours")
    assert len(client.search_runs([experiment.experiment_id])) == 1
    assert not (tmp_path / "out" / "mlflow.db").exists()
