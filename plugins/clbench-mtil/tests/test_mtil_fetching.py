"""``clbench prepare mtil --fetch``: interrupted anywhere, nothing half fetched is taken for whole."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest
import torchvision.datasets
from clbench.cli import main
from clbench.errors import DataError
from clbench_mtil import fetching, testing
from clbench_mtil.catalogue import data_set
from click.testing import CliRunner

DTD = data_set("dtd")


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("CLBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("CLBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CLBENCH_MTIL_COUNTS", "any")
    return tmp_path / "data"


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def prepare(*arguments: str):
    return CliRunner().invoke(main, ["prepare", "mtil", "--fetch", *arguments])


@pytest.fixture
def stops(monkeypatch):
    """Let torchvision's DTD stop after so many files, as a process does that is killed; ``None``: not."""
    state: dict[str, int | None] = {"after": None, "calls": 0}

    def download(self):
        place = Path(self.root)
        state["calls"] += 1
        whole = place.parent / "source"
        testing.write("dtd", whole)
        names = sorted(files(whole))
        (place / "dtd").mkdir(parents=True, exist_ok=True)
        (place / "dtd/dtd-r1.0.1.tar.gz").write_bytes(b"archive")
        for name in names[: state["after"]]:
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(whole / name, place / name)
        shutil.rmtree(whole)
        if state["after"] is not None:
            raise KeyboardInterrupt

    monkeypatch.setattr(torchvision.datasets.DTD, "_download", download)
    return state


def test_unpacking_that_stops_is_not_taken_for_a_data_set(root, stops):
    stops["after"] = 5
    prepare("--only", "dtd")
    assert not (root / "dtd").exists()
    assert DTD.missing(root)
    stops["after"] = None
    result = prepare("--only", "dtd")
    assert result.exit_code == 0, result.output
    assert stops["calls"] == 2
    assert not DTD.missing(root)
    assert not [path for path in root.iterdir() if path.name.startswith(".")]
    assert not list(root.rglob("*.gz"))


def test_moving_that_stops_goes_on(root, stops, monkeypatch):
    (root / "dtd/dtd/images/banded").mkdir(parents=True)
    (root / "dtd/dtd/images/banded/mine.txt").write_text("kept")
    real, moved = fetching._move, []

    def move(source, target):
        if source.is_file():
            moved.append(source)
            if len(moved) == 2:
                raise KeyboardInterrupt
        real(source, target)

    monkeypatch.setattr(fetching, "_move", move)
    prepare("--only", "dtd")
    assert fetching.half_fetched(DTD, root)
    monkeypatch.setattr(fetching, "_move", real)
    assert prepare("--only", "dtd").exit_code == 0
    assert stops["calls"] == 1
    testing.write("dtd", root.parent / "expected")
    assert files(root) == files(root.parent / "expected") | {"dtd/dtd/images/banded/mine.txt"}


def test_what_is_left_of_an_unpacking_goes_but_archives(root):
    staging = root / ".clbench-fetching/dtd/dtd"
    staging.mkdir(parents=True)
    (staging / "a.tar.gz").write_bytes(b"a")
    (staging / "half.jpg").write_bytes(b"h")
    fetching.clear(staging.parent, fetching.ARCHIVES)
    assert files(root) == {".clbench-fetching/dtd/dtd/a.tar.gz"}
    fetching.clear(staging.parent, ())
    assert files(root) == set()


def test_one_that_cannot_be_fetched_stops_no_other(root, stops):
    testing.write("eurosat", root)
    result = prepare("--only", "stanfordcars,dtd,eurosat")
    assert result.exit_code == 1
    assert "torchvision cannot fetch StanfordCars" in result.output
    fix = "CLBENCH_MTIL_SOURCE=hub clbench prepare mtil --fetch --only stanfordcars"
    assert fix in " ".join(result.output.split())
    assert "dtd/test: decoding 3 images" in result.output
    assert "eurosat/test: decoding 3 images" in result.output


def test_room_for_all_is_asked_for_before_the_first(root, stops, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(10**12, 0, 5 * 10**9))
    result = prepare("--only", "dtd,food")
    assert result.exit_code == 1
    assert "about 5.6 GB, and as much again unpacked" in result.output
    assert "11.20 GB are needed, 5.00 GB are free" in " ".join(result.output.split())
    assert stops["calls"] == 0


def answers(monkeypatch, content: bytes) -> list[str]:
    asked: list[str] = []

    def answer(address, timeout):
        asked.append(address)
        return io.BytesIO(content)

    monkeypatch.setattr(fetching, "urlopen", answer)
    return asked


def split_of(sizes: dict[str, int]) -> bytes:
    rows = {part: [["a/b.jpg", 0, "a"]] * size for part, size in sizes.items()}
    return json.dumps(rows).encode()


def test_a_split_of_coop_is_fetched_whole(root, monkeypatch):
    (root / "dtd").mkdir(parents=True)  # CoOp's own layout
    asked = answers(monkeypatch, split_of({"train": 2820, "val": 1128, "test": 1692}))
    failed = fetching.fetch_all([], [DTD], root)
    assert not failed
    assert asked == [f"https://drive.google.com/uc?export=download&id={DTD.split_drive}"]
    assert files(root) == {f"dtd/{DTD.split}"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<html>quota exceeded</html>", "that are no split"),
        (b"", "that are no split"),
        (split_of({"train": 2820, "val": 1128, "test": 3}), "test: 3, not 1,692"),
    ],
)
def test_what_is_no_split_is_not_kept(root, monkeypatch, content, said):
    answers(monkeypatch, content)
    with pytest.raises(DataError) as caught:
        fetching.fetch_split(DTD, root)
    assert said in caught.value.why
    assert "with a browser" in caught.value.fix
    assert not root.exists()


def test_prepare_fetches_the_splits_of_coop_only_for_coop(root, monkeypatch):
    testing.write("dtd", root)
    place = next(root.rglob(DTD.split))
    place.unlink()
    asked = answers(monkeypatch, split_of({"train": 2820, "val": 1128, "test": 1692}))
    assert prepare("--only", "dtd").exit_code == 0
    dry = prepare("--only", "dtd", "--protocol", "coop", "--dry-run")
    assert "CoOp's splits of dtd" in dry.output
    assert not asked
    prepare("--only", "dtd", "--protocol", "coop")
    assert len(asked) == 1
    assert place.is_file()
