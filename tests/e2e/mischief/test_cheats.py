"""Cheats that are prevented, that leave a mark, or that nothing sees: docs/trust.md lists them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from cheats import CHEATS
from commands import HERE, record_of, start

DOCUMENT = HERE.parents[2] / "docs" / "trust.md"

PREVENTED = (
    "labels-by-gc",
    "labels-by-frames",
    "labels-by-the-connection",
    "labels-by-the-order-in-its-record",
    "the-reference-data-undeclared",
    "the-generator-undeclared",
)
NO_BETTER = ("labels-by-the-position-in-the-batch", "labels-by-the-counter")
MARKED = {
    "labels-by-the-drawn-stream": "test images",
    "files-of-the-stream": "test images",
    "folders-of-the-stream": "test images",
    "files-of-the-stream-through-the-registry": "test images",
    "decoded-pixels": "test images",
    "predictions-of-other-runs": "other runs",
    "a-child-that-reads": "other programs",
    "a-fork-that-reads": "other programs",
    "the-network": "the network",
    "the-supervisors-memory": "other processes",
}
NEITHER = (
    "a-native-library-that-reads",
    "test-images-kept-for-learning",
    "neighbours-in-the-batch",
)

pytestmark = pytest.mark.slow


def _draw_stream(home: Path) -> Path:
    """A stream of files, of two tasks with two classes."""
    random = np.random.default_rng(0)
    for task in "ab":
        for split in ("train", "test"):
            for name in ("one", "two"):
                folder = home / task / split / f"{name}" if task == "a" else home / task / split / f"{name} b"
                folder.mkdir(parents=True)
                for i in range(6):
                    pixels = random.integers(0, 256, (16, 16, 3)).astype(np.uint8)
                    PIL.Image.fromarray(pixels).save(folder / f"{i}.png")
    (home / "own.yaml").write_text(
        "name: own\nbackbone: tiny\ntemplates: a photo of a {}.\ntasks:\n"
        + "".join(f"  - {{key: {t}, train: {t}/train, test: {t}/test}}\n" for t in "ab")
    )
    return home / "own.yaml"


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """Folders of records: of the drawn stream, and of one of files."""
    home = tmp_path_factory.mktemp("cheats")
    stream = _draw_stream(home / "data")
    os.environ["CHEAT_DATA"] = str(home / "data")
    try:
        outs = {}
        for name, words in {"tiny": (), "own": ("--stream", str(stream), "--backbone", "tiny")}.items():
            outs[name] = home / f"records-{name}"
            command = start(outs[name], ",".join(CHEATS), *words, plugin=HERE / "cheats.py")
            output, _ = command.communicate(timeout=900)
            assert command.returncode == 0, output
    finally:
        del os.environ["CHEAT_DATA"]
    return outs


@pytest.mark.parametrize("name", PREVENTED)
@pytest.mark.parametrize("stream", ["tiny", "own"])
def test_what_is_prevented_scores_what_an_honest_method_scores(name, stream, ended):
    found, honest = (record_of(ended[stream], each) for each in (name, "honest"))
    assert found["matrices"] == honest["matrices"]


@pytest.mark.parametrize("name", NO_BETTER)
def test_positions_and_counters_say_nothing(name, ended):
    """The tiny stream's images come in the order of their classes; a batch's do not."""
    matrix = np.array(record_of(ended["tiny"], name)["matrices"]["task"])
    assert matrix.mean() < 50.0, "four classes: guessing gives 25, knowing 100"


@pytest.mark.parametrize("name", MARKED)
def test_what_is_detected_is_in_the_record(name, ended):
    stream = "tiny" if "drawn" in name else "own"
    assert MARKED[name] in record_of(ended[stream], name)["conduct"]["touched"]
    assert not record_of(ended["own"], "honest")["conduct"]["touched"]


@pytest.mark.parametrize("name", NEITHER)
def test_what_is_neither_leaves_no_mark(name, ended):
    """So that the document is mended when one of them is seen one day."""
    assert not record_of(ended["own"], name)["conduct"]["touched"]


def test_every_cheat_is_one_of_them_and_in_the_document():
    listed = {*PREVENTED, *NO_BETTER, *MARKED, *NEITHER}
    assert listed == set(CHEATS) - {"honest"}
    assert len(listed) >= 12
    text = DOCUMENT.read_text()
    assert [name for name in listed if f"`{name}`" not in text] == []
