"""A run's folder between two tasks: what is gone on from when a file of it is damaged."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from clbench.errors import RecordError
from clbench.results.checked import DamagedError
from clbench.runs.answers import remembered
from clbench.runs.checkpoints import Checkpoint, CheckpointStore
from clbench.runs.evaluation import Answers, Evaluation

KEY = "abc"


def _row(number: int) -> Evaluation:
    own = np.full(4, number, dtype=np.int32)
    return Evaluation({"t0": Answers(own, own[:, None], own[:, None].astype(np.float32))})


@pytest.fixture
def store(tmp_path):
    """A run that has learned three tasks and tested three rows."""
    store = CheckpointStore(tmp_path / "run", KEY)
    for learned in range(1, 4):
        store.save(Checkpoint(KEY, learned, {"weights": torch.full((5,), float(learned))}))
        store.rows.save(learned - 1, _row(learned - 1), seconds=float(learned))
    return store


def _flip(path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 4
    path.write_bytes(content)


def _numbers(rows) -> list[int]:
    return [int(evaluation.answers["t0"].own[0]) for evaluation, _ in rows]


def test_the_newest_checkpoint_and_all_rows_are_gone_on_from(store):
    checkpoint, rows = store.resume()
    assert checkpoint.learned == 3
    assert checkpoint.state["weights"].tolist() == [3.0] * 5
    assert _numbers(rows) == [0, 1, 2]
    assert [seconds for _, seconds in rows] == [1.0, 2.0, 3.0]


def test_nothing_on_disk_is_the_beginning(tmp_path):
    assert CheckpointStore(tmp_path, KEY).resume() == (Checkpoint(KEY), [])


def test_a_process_that_died_between_two_names_of_one_file_leaves_nothing(store):
    """Killed when the newest had got the previous one's name, too: both are one file, and are saved over."""
    (store.folder / "checkpoint.previous.pt").unlink()
    (store.folder / "checkpoint.previous.pt").hardlink_to(store.folder / "checkpoint.pt")
    store.save(Checkpoint(KEY, 4))
    assert {path.name for path in store.folder.iterdir()} == {"checkpoint.pt", "checkpoint.previous.pt", "rows"}


@pytest.mark.parametrize("damage", [_flip, lambda path: path.write_bytes(b""), lambda path: path.unlink()])
def test_behind_a_damaged_checkpoint_is_the_one_before(store, damage, caplog):
    damage(store.folder / "checkpoint.pt")
    checkpoint, rows = store.resume()
    assert checkpoint.learned == 2
    assert checkpoint.state["weights"].tolist() == [2.0] * 5
    assert _numbers(rows) == [0, 1]
    assert not (store.folder / "rows" / "002.npz").exists(), "it is not of the model that is learned again"


def test_a_damaged_first_checkpoint_is_the_beginning(tmp_path, caplog):
    store = CheckpointStore(tmp_path, KEY)
    store.save(Checkpoint(KEY, 1))
    store.rows.save(0, _row(0), 1.0)
    _flip(tmp_path / "checkpoint.pt")
    with caplog.at_level(logging.WARNING):
        assert store.resume() == (Checkpoint(KEY), [])
    assert "checkpoint.pt" in caplog.text


def test_two_damaged_checkpoints_are_an_error_that_names_file_and_remedy(store):
    _flip(store.folder / "checkpoint.pt")
    _flip(store.folder / "checkpoint.previous.pt")
    with pytest.raises(DamagedError) as caught:
        store.resume()
    assert str(store.folder / "checkpoint.pt") in caught.value.what
    assert caught.value.fix == f"delete {store.folder} and run again"


def test_a_settled_run_keeps_one_checkpoint(store):
    store.settle()
    assert sorted(p.name for p in store.folder.iterdir()) == ["checkpoint.pt", "rows"]
    assert store.resume()[0].learned == 3
    _flip(store.folder / "checkpoint.pt")
    with pytest.raises(DamagedError):
        store.resume()


def test_a_damaged_checkpoint_is_not_settled(store, caplog):
    _flip(store.folder / "checkpoint.pt")
    store.settle()
    assert store.resume()[0].learned == 2


def test_a_damaged_checkpoint_never_replaces_a_whole_one(store, caplog):
    _flip(store.folder / "checkpoint.pt")
    store.save(Checkpoint(KEY, 4))
    _flip(store.folder / "checkpoint.pt")
    store.rows.save(3, _row(3), 4.0)
    assert store.resume()[0].learned == 2


def test_file_systems_without_links_keep_the_one_before_as_well(store, monkeypatch):
    def refuse(*_):
        raise OSError("no links here")

    monkeypatch.setattr("pathlib.Path.hardlink_to", refuse)
    store.save(Checkpoint(KEY, 4))
    _flip(store.folder / "checkpoint.pt")
    assert store.resume()[0].learned == 3


def test_the_last_row_is_tested_again_if_it_is_damaged(store, caplog):
    _flip(store.folder / "rows" / "002.npz")
    with caplog.at_level(logging.WARNING):
        checkpoint, rows = store.resume()
    assert (checkpoint.learned, _numbers(rows)) == (3, [0, 1])
    assert "002.npz" in caplog.text


def test_the_row_before_is_tested_again_in_the_state_before(store, caplog):
    _flip(store.folder / "rows" / "001.npz")
    with caplog.at_level(logging.WARNING):
        checkpoint, rows = store.resume()
    assert (checkpoint.learned, _numbers(rows)) == (2, [0])
    assert "001.npz" in caplog.text


def test_an_early_damaged_row_is_an_error_that_names_file_and_remedy(store):
    _flip(store.folder / "rows" / "000.npz")
    with pytest.raises(DamagedError, match=r"000\.npz") as caught:
        store.resume()
    assert "delete" in caught.value.fix
    (store.folder / "rows" / "000.npz").unlink()
    with pytest.raises(RecordError, match=r"000\.npz is missing"):
        store.resume()


def test_rows_that_changed_places_are_refused(store):
    first, second = store.folder / "rows" / "000.npz", store.folder / "rows" / "001.npz"
    one, two = first.read_bytes(), second.read_bytes()
    first.write_bytes(two)
    second.write_bytes(one)
    with pytest.raises(DamagedError, match="it is the row of row 1, run abc, not the row of row 0"):
        store.resume()


def test_files_of_another_run_are_refused(store, tmp_path):
    other = CheckpointStore(tmp_path / "other", "abd")
    for learned in range(1, 4):
        other.save(Checkpoint("abd", learned))
        other.rows.save(learned - 1, _row(learned - 1), 1.0)
    (store.folder / "rows" / "000.npz").write_bytes((other.folder / "rows" / "000.npz").read_bytes())
    with pytest.raises(DamagedError, match="run abd"):
        store.resume()
    for name in ("checkpoint.pt", "checkpoint.previous.pt"):
        (store.folder / name).write_bytes((other.folder / name).read_bytes())
    with pytest.raises(DamagedError):
        CheckpointStore(store.folder, KEY).load()


def test_a_damaged_zero_shot_row_is_computed_again(tmp_path, caplog):
    def of(number):
        return remembered(tmp_path, {"of": number}, lambda: _row(number)).answers["t0"].own.tolist()

    assert (of(1), of(2)) == ([1] * 4, [2] * 4)
    one, two = sorted(tmp_path.glob("*.npz"))
    content = one.read_bytes()
    for damaged in (b"", content[:-9], two.read_bytes(), content[:40] + b"\0\0\0" + content[43:]):
        one.write_bytes(damaged)
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert (of(1), of(2)) == ([1] * 4, [2] * 4)
        assert one.name in caplog.text
        assert one.read_bytes() == content
