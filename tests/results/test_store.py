import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from clbench.errors import RecordError
from clbench.results import (
    ZERO_SHOT_ROW,
    find_records,
    load_predictions,
    load_records,
    read_record,
    save_predictions,
    write_record,
)
from clbench.results.atomic import atomic_path, atomic_write
from clbench.testing.records import make_record
from hypothesis import given
from hypothesis import strategies as st


def edited(path: Path, **changes):
    document = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in document.items() if v is not ...}))


def test_a_folder_of_runs_is_not_one_run(tmp_path):
    for name in ("a", "b"):
        write_record(tmp_path / name, make_record())
    with pytest.raises(RecordError, match=r"folder of 2 runs\n.*such as .*a$"):
        read_record(tmp_path)


def test_what_is_written_is_read(tmp_path):
    record = make_record([[100 / 3, 20], [30, 200 / 3]])
    file = write_record(tmp_path / "run", record)
    assert file == tmp_path / "run/record.json"
    assert read_record(file) == read_record(tmp_path / "run") == record
    assert [p.name for p in file.parent.iterdir()] == ["record.json"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seed": ...}, "field seed is missing"),
        ({"surprise": 1}, "field surprise is unknown"),
        ({"schema_version": 2}, "schema version 2.*\n.*reads version 1\n.*(upgrade|pull|up to date)"),
        ({"schema_version": "x"}, "schema version 'x'"),
        ({"schema_version": ...}, "no schema_version"),
        ({"matrices": {"task": [[81, 40], [70, 90]]}}, "metrics.average is 70.0 but the matrix gives 70.25"),
        ({"status": "done"}, "status"),
    ],
)
def test_bad_records_are_explained(tmp_path, changes, words):
    file = write_record(tmp_path, make_record())
    edited(file, **changes)
    with pytest.raises(RecordError, match=words) as caught:
        read_record(file)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "not JSON"),
        (b"", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_files_that_are_no_records(tmp_path, content, words):
    (tmp_path / "record.json").write_bytes(content)
    with pytest.raises(RecordError, match=words):
        read_record(tmp_path)


def test_missing_files(tmp_path):
    with pytest.raises(RecordError, match="cannot read"):
        read_record(tmp_path)
    with pytest.raises(RecordError, match="there is nothing at"):
        find_records([tmp_path / "nowhere"])


def test_one_bad_record_never_stops_the_others(tmp_path):
    for seed in range(3):
        write_record(tmp_path / f"runs/{seed}", make_record(seed=seed))
    edited(tmp_path / "runs/1/record.json", seed=...)
    single = write_record(tmp_path / "kept.json", make_record(seed=7))
    loaded = load_records([tmp_path / "runs", single, tmp_path / "runs/0", tmp_path / "runs/../runs"])
    assert [r.seed for r in loaded.records] == [0, 2, 7]
    assert [p.path.parent.name for p in loaded.problems] == ["1"]
    assert "seed is missing" in str(loaded.problems[0])


def test_hidden_folders_are_skipped(tmp_path):
    write_record(tmp_path / ".cache/x", make_record())
    assert find_records([tmp_path]) == []


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    atomic_write(path, b"old")

    def fail():
        with atomic_path(path) as temporary:
            temporary.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_files_are_readable_by_others(tmp_path):
    before = os.umask(0o022)
    try:
        atomic_write(tmp_path / "file", b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644


def test_predictions(tmp_path):
    answers = {
        ("task", ZERO_SHOT_ROW, "a"): [0, 3, 299],
        ("union", 0, "b|c"): np.array([1, 2], dtype=np.int64),
    }
    entry = save_predictions(tmp_path, answers, truth={"a": [0, 3, 2]})
    loaded = load_predictions(tmp_path, entry)
    assert {k: v.tolist() for k, v in loaded.answers.items()} == {
        ("task", -1, "a"): [0, 3, 299],
        ("union", 0, "b|c"): [1, 2],
    }
    assert loaded.accuracy("task", -1, "a") == pytest.approx(200 / 3)
    again = save_predictions(tmp_path / "again", dict(reversed(answers.items())), truth={"a": [0, 3, 2]})
    assert again == entry  # equal content, equal bytes


def test_foreign_or_damaged_predictions_are_refused(tmp_path):
    entry = save_predictions(tmp_path, {("task", 0, "a"): [1]})
    save_predictions(tmp_path, {("task", 0, "a"): [2]})
    with pytest.raises(RecordError, match="digest differs"):
        load_predictions(tmp_path, entry)
    (tmp_path / "predictions.npz").write_bytes(b"PK damaged")
    with pytest.raises(RecordError, match="damaged"):
        load_predictions(tmp_path)
    with pytest.raises(RecordError, match="cannot read"):
        load_predictions(tmp_path / "nowhere.npz")


@given(
    st.dictionaries(
        st.tuples(st.sampled_from(["task", "union"]), st.integers(-1, 3), st.sampled_from("abc")),
        st.integers(0, 70_000),
        min_size=1,
    ),
    st.tuples(*[st.integers(1, 5)] * 3),
)
def test_predictions_come_back_as_they_were(columns, counts):
    """Whichever tasks a row has answers of."""
    size = dict(zip("abc", counts, strict=True))
    answers = {key: [value] * size[key[2]] for key, value in columns.items()}
    with tempfile.TemporaryDirectory() as folder:
        loaded = load_predictions(Path(folder), save_predictions(Path(folder), answers))
    assert {tuple(key): values.tolist() for key, values in loaded.answers.items()} == answers
    assert loaded.truth == {}


def test_predictions_of_a_task_are_of_the_same_images(tmp_path):
    with pytest.raises(ValueError, match="of 1 images and of 2"):
        save_predictions(tmp_path, {("task", 0, "a"): [1], ("task", 1, "a"): [1, 2]})


@pytest.mark.parametrize("bad", [[[1]], [0.5], [-1]])
def test_predictions_are_column_numbers(tmp_path, bad):
    with pytest.raises(ValueError, match="column numbers"):
        save_predictions(tmp_path, {("task", 0, "a"): bad})


def test_results_and_boards_import_no_torch():
    code = (
        "import sys, clbench.results.provenance, clbench.testing.records as t;"
        "from clbench.boards import board_of, encode, FORMATS;"
        "[encode(board_of([t.make_record()]), f) for f in FORMATS];"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_long_names_fit_into_file_systems_and_stay_apart(tmp_path):
    from clbench.results.atomic import atomic_write, fitting

    assert fitting("short") == "short"
    long = ["x" * 300, "x" * 301, "é" * 200, "é" * 199 + "e"]
    names = [fitting(name) for name in long]
    assert len(set(names)) == len(long)
    assert all(len(name.encode()) <= 200 for name in names)
    atomic_write(tmp_path / ("y" * 250), b"content")
    assert (tmp_path / ("y" * 250)).read_bytes() == b"content"
