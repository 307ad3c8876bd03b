"""Runs as Weights & Biases keeps them offline."""

import json
import struct

import pytest
import wandb
from clbench.errors import ConfigError
from clbench.plugins import get_registry
from clbench.testing import plugin_laws
from clbench.testing.tracked import TRACKED_MATRIX, play_run
from wandb.proto import wandb_internal_pb2

test_plugin = plugin_laws("clbench-wandb")


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


def entries(file):
    """The records of an offline file: LevelDB's log format behind seven bytes of its own."""
    content, at, parts = file.read_bytes(), 7, []
    assert content.startswith(b":W&B")
    while at + 7 <= len(content):
        if at % 32768 > 32768 - 7:  # a block's rest is too short for a header
            at += 32768 - at % 32768
            continue
        _, length, kind = struct.unpack("<IHB", content[at : at + 7])
        parts.append(content[at + 7 : at + 7 + length])
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            record = wandb_internal_pb2.Record()
            record.ParseFromString(b"".join(parts))
            parts = []
            yield record


def shown(out):
    """What the offline files of all sessions hold: (run ids, config, rows by step, summary, exit codes)."""
    wandb.teardown()  # the service writes its last lines after a run was finished
    ids, config, rows, summary, exits = set(), {}, {}, {}, []
    for file in sorted(out.glob("wandb/offline-run-*/*.wandb")):
        for record in entries(file):
            kind = record.WhichOneof("record_type")
            if kind == "run":
                ids.add(record.run.run_id)
                config.update({i.key: json.loads(i.value_json) for i in record.run.config.update})
            elif kind == "history":
                row = {"/".join(i.nested_key) or i.key: json.loads(i.value_json) for i in record.history.item}
                if "tasks learned" in row:
                    rows.setdefault(row["tasks learned"], []).append(row)
            elif kind == "summary":
                for item in record.summary.update:
                    summary["/".join(item.nested_key) or item.key] = json.loads(item.value_json)
            elif kind == "exit":
                exits.append(record.exit.exit_code)
    return ids, config, rows, summary, exits


@pytest.mark.parametrize(
    "runs", [[{}], [{"start": 2}], [{"ending": "cached"}]], ids=["whole", "late", "before"]
)
def test_each_row_is_kept_once(tmp_path, runs):
    for played in runs:
        record = play_run("wandb", tmp_path, **played)
    ids, config, rows, summary, exits = shown(tmp_path)
    assert ids == {"toy0123456789"}
    assert config["settings.lr"] == 0.1
    assert config["method"] == "toy"
    expected = [(50.0,) * 3, *TRACKED_MATRIX]
    assert {
        step: [tuple(r[f"accuracy/t{j}"] for j in range(3)) for r in found] for step, found in rows.items()
    } == {i: [row] for i, row in enumerate(expected)}
    assert summary["last"] == record.metrics.last
    assert exits == [0]


def test_a_failure_is_said(tmp_path):
    play_run("wandb", tmp_path, stop=1, ending="failed")
    *_, summary, exits = shown(tmp_path)
    assert (summary["status"], summary["reason"]) == ("failed", "NotFiniteError: loss is nan")
    assert exits == [1]


def test_without_a_key_it_stops_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "online")
    with pytest.raises(ConfigError, match="no key of Weights & Biases"):
        get_registry().tracked(["wandb"], tmp_path)
