"""Published rows run end to end over the eleven data sets in miniature, with random weights."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest
from clbench.cli import main
from clbench_mtil import testing
from clbench_mtil.catalogue import KEYS
from click.testing import CliRunner

pytestmark = pytest.mark.slow

SHORT = ("iterations=2", "warmup=0", "batch_size=2")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    testing.write_all(folder, classes=2)
    with testing.accepted(folder):
        yield folder


@pytest.fixture
def reproduce(root, monkeypatch, tmp_path):
    """Run a row and return what was printed and the record's folder."""
    monkeypatch.setenv("CLBENCH_DATA", str(root))
    monkeypatch.setenv("CLBENCH_MTIL_COUNTS", "any")
    monkeypatch.setenv("CLBENCH_CACHE", str(tmp_path / "cache"))

    def call(method, row, *settings, backbone="ViT-B-32.random"):
        asked = [*("--backbone", backbone, "--device", "cpu", "--plain"), "--out", str(tmp_path / "runs")]
        asked += [part for setting in settings for part in ("--set", setting)]
        result = CliRunner().invoke(main, ["reproduce", method, row, *asked], env={"COLUMNS": "200"})
        assert result.exit_code == 0, result.output
        (path,) = (tmp_path / "runs").glob(f"*/{method}-*/record.json")
        return result.output, path.parent

    return call


def matrix_from_answers(folder, space):
    """Top-1 accuracy in percent after each task on each task, from the file of predictions alone."""
    with zipfile.ZipFile(folder / "predictions.npz") as archive:
        arrays = {
            name.removesuffix(".npy"): np.load(io.BytesIO(archive.read(name)), allow_pickle=False)
            for name in archive.namelist()
        }
    ends = np.cumsum(arrays["images"])
    right = arrays[f"answers|{space}"] == arrays["truth"][:, None]
    parts = np.split(right, ends[:-1])
    of_row = dict(zip(arrays[f"rows|{space}"].tolist(), range(right.shape[1]), strict=True))
    return np.array([[100 * part[:, of_row[i]].mean() for part in parts] for i in range(len(KEYS))])


def test_zero_shot_and_then_the_same_again(reproduce):
    output, folder = reproduce("zero-shot", "MTIL, order I")
    record = json.loads((folder / "record.json").read_text())
    assert record["status"] == "finished"
    assert record["stream"]["facts"]["test_prompts"] == "all-templates"
    matrix = np.array(record["matrices"]["task"])
    assert np.allclose(matrix, matrix_from_answers(folder, "task"), rtol=0, atol=1e-12)
    # each printed figure has what was measured beside it, and why that says nothing here
    average = f"{matrix.mean():.2f}"
    line = next(line for line in output.splitlines() if line.startswith("Average"))
    assert line.split()[:3] == ["Average", "65.3", average]
    assert line.endswith("not comparable")
    assert "not comparable (± 0.5 points): the stream is changed by CLBENCH_MTIL_COUNTS=any" in output
    before = (folder / "record.json").read_bytes()
    again, _ = reproduce("zero-shot", "1")
    assert (folder / "record.json").read_bytes() == before
    assert line in again


def test_finetune_for_few_steps_is_not_the_row_and_says_so(reproduce):
    output, folder = reproduce("finetune", "mtil I", *SHORT)
    record = json.loads((folder / "record.json").read_text())
    assert record["method"]["settings"]["iterations"] == 2
    assert record["method"]["settings"]["label_smoothing"] == 0.2
    matrix = np.array(record["matrices"]["task"])
    assert np.allclose(matrix, matrix_from_answers(folder, "task"), rtol=0, atol=1e-12)
    told = " ".join(output.split())
    assert "iterations is 2, not 1000" in told
    assert "what it gives cannot be compared with the row" in told
    assert "2 steps of 2 images for each of 11 tasks" in told
    (line,) = [line for line in output.splitlines() if line.startswith("Last ")]
    assert line.split()[:3] == ["Last", "77.3", f"{matrix[-1].mean():.2f}"]


def test_a_row_of_another_protocol_has_its_facts(reproduce):
    output, folder = reproduce("rail", "x-tail", "hidden=32", backbone="mini-clip")
    record = json.loads((folder / "record.json").read_text())
    assert (record["stream"]["name"], record["label_space"]) == ("x-tail", "union")
    assert record["method"]["settings"]["fusion"] == 0.8
    assert record["method"]["settings"]["augment"] is True
    facts = record["stream"]["facts"]
    assert (facts["names"], facts["test_prompts"], facts["draw"]) == ("rail", "rail", "rail")
    told = " ".join(output.split())
    assert "hidden is 32, not 15000" in told
    assert "draw of shots is" not in told
