"""Files that are read back: what was written comes back, and nothing else."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
from clbench.errors import RecordError
from clbench.results.checked import DamagedError, Identity, check_file, read_checked, write_checked, writing

MINE = Identity("row", {"run": "abc", "row": 3})
CONTENT = bytes(range(256)) * 3


def _written(path, content=CONTENT, identity=MINE):
    write_checked(path, content, identity)
    return path


@pytest.mark.parametrize("content", [b"", b"x", CONTENT])
def test_what_was_written_comes_back(tmp_path, content):
    path = _written(tmp_path / "deep" / "file", content)
    assert read_checked(path, MINE) == content
    check_file(path, MINE)


def test_pieces_are_one_file_equal_for_equal_content(tmp_path):
    with writing(tmp_path / "pieces", MINE) as file:
        for start in range(0, len(CONTENT), 100):
            file.write(CONTENT[start : start + 100])
    assert (tmp_path / "pieces").read_bytes() == _written(tmp_path / "whole").read_bytes()


def test_a_file_that_was_not_written_whole_is_not_there(tmp_path):
    with pytest.raises(ZeroDivisionError), writing(tmp_path / "file", MINE) as file:
        file.write(b"half" * (1 // 0))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (
            Identity("row", {"run": "abc", "row": 2}),
            "it is the row of row 3, run abc, not the row of row 2, run abc",
        ),
        (Identity("row", {"run": "abd", "row": 3}), "not the row of row 3, run abd"),
        (Identity("checkpoint", {"run": "abc", "row": 3}), "not the checkpoint of"),
        (Identity("row", {"run": "abc"}), "not the row of run abc"),
    ],
)
def test_what_belongs_to_something_else_is_refused(tmp_path, other, said):
    path = _written(tmp_path / "file")
    for read in (read_checked, check_file):
        with pytest.raises(DamagedError) as caught:
            read(path, other)
        assert said in caught.value.why
        assert str(path) in caught.value.what
        assert str(path) in caught.value.fix


def test_every_single_changed_bit_is_found(tmp_path):
    path = _written(tmp_path / "file", b"content")
    whole = path.read_bytes()
    for bit in range(8 * len(whole)):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        for read in (read_checked, check_file):
            with pytest.raises(DamagedError):
                read(path, MINE)


def test_every_length_but_the_right_one_is_found(tmp_path):
    path = _written(tmp_path / "file", b"content")
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(DamagedError):
            read_checked(path, MINE)
    for more in (b"\0", b"x" * 100, whole):
        path.write_bytes(whole + more)
        with pytest.raises(DamagedError):
            read_checked(path, MINE)


def test_many_changed_bytes_are_found(tmp_path):
    path, chance = _written(tmp_path / "file"), random.Random(0)
    whole = path.read_bytes()
    for count in (2, 10, 300, 2000):
        changed = bytearray(whole)
        for _ in range(count):
            changed[chance.randrange(len(changed))] ^= chance.randrange(1, 256)
        path.write_bytes(changed)
        with pytest.raises(DamagedError):
            read_checked(path, MINE)


def test_a_missing_file_or_a_folder_is_a_damaged_file(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(DamagedError, match="cannot be used"):
            read_checked(path, MINE)
    assert issubclass(DamagedError, RecordError)


def test_archives_stay_readable_by_numpy(tmp_path):
    buffer = io.BytesIO()
    np.savez(buffer, a=np.arange(5))
    path = _written(tmp_path / "file.npz", buffer.getvalue())
    with np.load(path) as stored:
        assert stored["a"].tolist() == [0, 1, 2, 3, 4]
