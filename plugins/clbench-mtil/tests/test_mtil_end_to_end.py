"""Whole runs over the eleven data sets in miniature, with ViT-B/32 at random weights."""

from __future__ import annotations

import json

import numpy as np
import pytest
from clbench.cli import main
from clbench_mtil import testing
from clbench_mtil.catalogue import KEYS
from click.testing import CliRunner

pytestmark = pytest.mark.slow

SETTINGS = {"iterations": 1, "warmup": 0, "batch_size": 2}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    testing.write_all(folder, classes=2)
    with testing.accepted(folder):
        yield folder


@pytest.fixture(params=["mtil", "mtil-coop"])
def records(request, root, monkeypatch, tmp_path):
    """The records of zero-shot and finetune on a stream, by method."""
    monkeypatch.setenv("CLBENCH_DATA", str(root))
    monkeypatch.setenv("CLBENCH_MTIL_COUNTS", "any")
    monkeypatch.setenv("CLBENCH_CACHE", str(tmp_path / "cache"))
    options = [part for name, value in SETTINGS.items() for part in ("--set", f"finetune.{name}={value}")]
    result = CliRunner().invoke(
        main,
        [
            *("run", "--stream", request.param, "--backbone", "ViT-B-32.random", "--device", "cpu"),
            *("--methods", "zero-shot,finetune", "--plain", "--out", str(tmp_path / "runs"), *options),
        ],
    )
    assert result.exit_code == 0, result.output
    found = [json.loads(path.read_text()) for path in (tmp_path / "runs").rglob("record.json")]
    return {record["method"]["name"]: record for record in found}


def test_a_run_from_the_folder_to_the_record(records):
    assert set(records) == {"zero-shot", "finetune"}
    for record in records.values():
        stream = record["stream"]
        assert record["status"] == "finished"
        assert [task["key"] for task in stream["tasks"]] == list(KEYS)
        assert stream["protocol"] == {"mtil": "zscl", "mtil-coop": "coop"}[stream["name"]]
        assert any("SUN397: files sorted" in note for note in record["notes"]) == (stream["name"] == "mtil")
        for space in ("task", "seen", "union"):
            matrix = np.array(record["matrices"][space])
            assert matrix.shape == (11, 11)
            assert ((matrix >= 0) & (matrix <= 100)).all()
    zero_shot = np.array(records["zero-shot"]["matrices"]["task"])
    assert (zero_shot == zero_shot[0]).all()
    assert records["zero-shot"]["fingerprint"] == records["finetune"]["fingerprint"]


def test_odcl_cil_asks_among_all_classes_seen(root, monkeypatch, tmp_path):
    """Below and on the diagonal among the classes seen so far, above it among the task's own."""
    monkeypatch.setenv("CLBENCH_DATA", str(root))
    monkeypatch.setenv("CLBENCH_MTIL_COUNTS", "any")
    monkeypatch.setenv("CLBENCH_CACHE", str(tmp_path / "cache"))
    options = [part for name, value in SETTINGS.items() for part in ("--set", f"finetune.{name}={value}")]
    result = CliRunner().invoke(
        main,
        [
            *("run", "--stream", "odcl-cil", "--backbone", "mini-clip", "--device", "cpu", "--order", "II"),
            *("--methods", "finetune", "--plain", "--out", str(tmp_path / "runs"), *options),
        ],
    )
    assert result.exit_code == 0, result.output
    [path] = (tmp_path / "runs").rglob("record.json")
    record = json.loads(path.read_text())
    assert (record["label_space"], record["stream"]["protocol"]) == ("seen", "zscl")
    matrices = {space: np.array(matrix) for space, matrix in record["matrices"].items()}
    above = np.triu_indices(11, k=1)
    assert np.array_equal(matrices["seen"][above], matrices["task"][above])
    assert np.array_equal(matrices["seen"][-1], matrices["union"][-1])
    assert (matrices["seen"] <= matrices["task"]).all()
    [found] = json.loads(CliRunner().invoke(main, ["verify", str(path.parent), "--format", "json"]).stdout)
    outcomes = {check["name"]: check["outcome"] for check in found["checks"]}
    # the data sets are in miniature, and the code may have changes that are not committed
    assert {name for name, outcome in outcomes.items() if outcome == "failed"} <= {"provenance", "stream"}
    assert outcomes["data"] == outcomes["agreement"] == "passed"
