"""Whole runs over each family in miniature: from the folder to a record that verification accepts."""

from __future__ import annotations

import json

import numpy as np
import pytest
from clbench.cli import main
from clbench_cil import testing
from click.testing import CliRunner

pytestmark = pytest.mark.slow

WRITERS = {
    "tinyimagenet-100-20": (testing.write_tinyimagenet, 6, 200),
    "imagenet100-50-5": (testing.write_imagenet, 11, 100),
    "imagenet1000-100-100": (lambda root: testing.write_imagenet(root, classes=1000), 10, 1000),
    "domainnet": (lambda root: testing.write_domainnet(root, classes=12), 6, 345),
}
SETTINGS = ("iterations=4", "warmup=0", "batch_size=8", "lr=3e-4")


@pytest.fixture(params=sorted(WRITERS))
def ran(request, monkeypatch, tmp_path):
    """(stream, folder with the runs of zero-shot and finetune)"""
    monkeypatch.setenv("CLBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("CLBENCH_CIL_COUNTS", "any")
    monkeypatch.setenv("CLBENCH_CACHE", str(tmp_path / "cache"))
    WRITERS[request.param][0](tmp_path / "data")
    options = [part for value in SETTINGS for part in ("--set", f"finetune.{value}")]
    result = CliRunner().invoke(
        main,
        [
            *("run", "--stream", request.param, "--backbone", "mini-clip", "--device", "cpu"),
            *("--methods", "zero-shot,finetune", "--order", "random-7", "--plain"),
            *("--out", str(tmp_path / "runs"), *options),
        ],
    )
    assert result.exit_code == 0, result.output
    return request.param, tmp_path / "runs"


def test_a_run_from_the_folder_to_a_verified_record(ran):
    stream, runs = ran
    _, tasks, classes = WRITERS[stream]
    paths = sorted(runs.rglob("record.json"))
    records = {record["method"]["name"]: record for record in map(json.loads, (p.read_text() for p in paths))}
    assert set(records) == {"zero-shot", "finetune"}
    for record in records.values():
        assert record["status"] == "finished"
        assert record["stream"]["order"] == "random-7"
        for space in ("task", "seen", "union"):
            assert np.array(record["matrices"][space]).shape == (tasks, tasks)
        matrices = {space: np.array(matrix) for space, matrix in record["matrices"].items()}
        if stream == "domainnet":
            # every domain has all classes: there is but one question
            assert np.array_equal(matrices["task"], matrices["union"])
            assert np.array_equal(matrices["task"], matrices["seen"])
            assert record["label_space"] == "union"
        else:
            assert sum(task["classes"] for task in record["stream"]["tasks"]) == classes
            assert record["label_space"] == "seen"
            # a task not yet learned is answered among its own classes
            above = np.triu_indices(tasks, k=1)
            assert np.array_equal(matrices["seen"][above], matrices["task"][above])
            assert (matrices["union"] <= matrices["seen"] + 1e-9).all()
    assert records["zero-shot"]["fingerprint"] == records["finetune"]["fingerprint"]
    assert np.array(records["finetune"]["matrices"]["task"]).max() > 0
    result = CliRunner().invoke(main, ["verify", *map(str, paths), "--format", "json"])
    for found in json.loads(result.stdout):
        outcomes = {check["name"]: check["outcome"] for check in found["checks"]}
        # where the code that ran has changes that are not committed, nobody else has it
        assert {name for name, outcome in outcomes.items() if outcome == "failed"} <= {"provenance"}
        assert outcomes["data"] == outcomes["predictions"] == outcomes["agreement"] == "passed"
