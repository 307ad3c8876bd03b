"""Decoded images on disk: whole or not there, whatever moment the process dies in."""

from __future__ import annotations

import errno
import os
import random
import resource
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest
from clbench.errors import DataError
from clbench.streams import Preprocessing, disk, pixelfile
from clbench.streams.pixelfile import PixelFile
from clbench.streams.pixelsums import PixelSums
from clbench.testing.doubles import tiny_images

SIDE, COUNT = 4, 40
PIECE = 8  # images


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch):
    monkeypatch.setattr(pixelfile, "PIECE_BYTES", PIECE * 3 * SIDE**2)


def picture(index: int) -> np.ndarray:
    return np.random.default_rng(index).integers(0, 256, (3, SIDE, SIDE), dtype=np.uint8)


EXPECTED = np.stack([picture(i) for i in range(COUNT)])


class Source:
    """Decodes, counts what it decodes, and fails where it is told."""

    def __init__(self, fails_at=()):
        self.fails_at = set(fails_at)
        self.decoded: list[int] = []

    def read(self, start, stop):
        return range(start, stop)

    def view(self, index, known):
        assert known == index
        if index in self.fails_at:
            raise DataError(
                f"image {index} of birds/test cannot be read", why="it is empty", fix="replace it"
            )
        self.decoded.append(index)
        return picture(index)

    def open(self, path, **options):
        return PixelFile(path, COUNT, SIDE, "birds/test").open(self.read, self.view, **options)


def test_every_image_is_in_its_place_and_is_decoded_once(tmp_path):
    path, source, told = tmp_path / "a" / "p.npy", Source(), []
    found = source.open(path, progress=lambda done, total: told.append((done, total)))
    assert isinstance(found, np.memmap)
    assert not found.flags.writeable
    assert np.array_equal(found, EXPECTED)
    assert sorted(source.decoded) == list(range(COUNT))
    assert told == [(n, COUNT) for n in range(0, COUNT + 1, PIECE)]
    assert np.array_equal(np.load(path), EXPECTED)
    assert {p.name for p in path.parent.iterdir()} <= {"p.npy", "p.npy.sums", "p.npy.lock"}
    again = Source()
    again.open(path)
    assert not again.decoded


def test_what_was_decoded_before_a_failure_is_kept(tmp_path):
    path = tmp_path / "p.npy"
    with pytest.raises(DataError, match="image 21 of birds/test cannot be read"):
        Source(fails_at=[21]).open(path)
    file = PixelFile(path, COUNT, SIDE, "birds/test")
    assert not file.whole
    assert file.decoded == 16
    assert file.missing_bytes == (COUNT - 16) * 3 * SIDE**2
    source = Source()
    assert np.array_equal(source.open(path), EXPECTED)
    assert sorted(source.decoded) == list(range(16, COUNT))


def test_images_that_cannot_be_read_are_told_together(tmp_path):
    with pytest.raises(DataError, match="3 of 8 images of birds/test cannot be read") as caught:
        Source(fails_at=[9, 11, 13, 30]).open(tmp_path / "p.npy")
    assert all(
        f"image {i} of birds/test cannot be read: it is empty" in caught.value.why for i in (9, 11, 13)
    )


@pytest.mark.parametrize(
    "damage",
    [
        lambda part, progress: part.unlink(),
        lambda part, progress: part.write_bytes(part.read_bytes()[:-1]),
        lambda part, progress: progress.write_text("{"),
        lambda part, progress: progress.write_bytes(progress.read_bytes()[:-1]),
        lambda part, progress: progress.write_bytes(b"\0" + progress.read_bytes()),
        lambda part, progress: progress.unlink(),
    ],
    ids=["no part", "part cut", "no progress file", "cut", "longer", "no progress"],
)
def test_a_part_that_is_not_as_counted_is_decoded_again(tmp_path, damage):
    path = tmp_path / "p.npy"
    with pytest.raises(DataError):
        Source(fails_at=[21]).open(path)
    damage(tmp_path / "p.npy.part", tmp_path / "p.npy.progress")
    source = Source()
    assert np.array_equal(source.open(path), EXPECTED)
    assert sorted(source.decoded) == list(range(COUNT))


def test_what_lies_behind_the_counted_images_is_written_anew(tmp_path):
    """A process that dies while it writes a piece leaves some of it."""
    path, part = tmp_path / "p.npy", tmp_path / "p.npy.part"
    with pytest.raises(DataError):
        Source(fails_at=[21]).open(path)
    part.write_bytes(part.read_bytes() + b"half a piece")
    assert np.array_equal(Source().open(path), EXPECTED)
    assert path.stat().st_size == np.lib.format.open_memmap(path, mode="r").nbytes + 128


@pytest.mark.parametrize(
    "change",
    [
        lambda whole: whole[:-1],
        lambda whole: whole[:20],
        lambda whole: b"",
        lambda whole: b"junk" + whole[4:],
    ],
    ids=["cut", "cut in the head", "empty", "no array"],
)
def test_a_file_of_another_form_is_decoded_again_with_a_word(tmp_path, change, caplog):
    path = tmp_path / "p.npy"
    Source().open(path)
    path.write_bytes(change(path.read_bytes()))
    source = Source()
    assert np.array_equal(source.open(path), EXPECTED)
    assert sorted(source.decoded) == list(range(COUNT))
    assert "all images of birds/test are decoded again" in caplog.text
    assert str(path) in caplog.text


def test_changed_images_are_decoded_again_and_no_others(tmp_path, caplog, monkeypatch):
    path, head = tmp_path / "p.npy", 128
    Source().open(path)
    content = bytearray(path.read_bytes())
    content[head + 3 * SIDE**2 * 7] ^= 1
    content[-1] ^= 128
    content[head : head + 3 * SIDE**2] = content[head + 3 * SIDE**2 : head + 2 * 3 * SIDE**2]
    path.write_bytes(content)
    monkeypatch.setattr(pixelfile, "_checked", set())  # as in another process
    source = Source()
    assert np.array_equal(source.open(path), EXPECTED)
    assert sorted(source.decoded) == [0, 7, COUNT - 1]
    assert "3 of 40 images of birds/test are not as they were decoded" in caplog.text
    again = Source()
    monkeypatch.setattr(pixelfile, "_checked", set())
    assert np.array_equal(again.open(path), EXPECTED)
    assert not again.decoded


def test_a_file_is_checked_once_in_a_process(tmp_path, monkeypatch):
    path, compared = tmp_path / "p.npy", []
    changed = PixelSums.changed
    monkeypatch.setattr(PixelSums, "changed", lambda *given: compared.append(1) or changed(*given))
    for _ in range(3):
        Source().open(path)
    assert len(compared) == 1


@pytest.mark.parametrize("change", [lambda p: p.unlink(), lambda p: p.write_bytes(b"x" + p.read_bytes()[1:])])
def test_images_without_good_checksums_are_decoded_again(tmp_path, change, caplog):
    path = tmp_path / "p.npy"
    Source().open(path)
    change(tmp_path / "p.npy.sums")
    source = Source()
    assert np.array_equal(source.open(path), EXPECTED)
    assert sorted(source.decoded) == list(range(COUNT))
    assert "p.npy.sums" in caplog.text


def test_images_and_checksums_of_another_set_are_not_taken_for_these(tmp_path, caplog):
    path, other = tmp_path / "p.npy", tmp_path / "q.npy"
    Source().open(path)
    PixelFile(other, COUNT, SIDE, "cats/test").open(lambda a, b: range(a, b), lambda i, _: picture(i + 100))
    for end in ("", ".sums"):
        shutil.copy(f"{other}{end}", f"{path}{end}")
    assert np.array_equal(Source().open(path), EXPECTED)


def test_a_part_that_changed_while_nobody_looked_is_found(tmp_path, caplog):
    path, part = tmp_path / "p.npy", tmp_path / "p.npy.part"
    with pytest.raises(DataError):
        Source(fails_at=[21]).open(path)
    content = bytearray(part.read_bytes())
    content[200] ^= 16
    part.write_bytes(content)
    source = Source()
    assert np.array_equal(source.open(path), EXPECTED)
    assert sorted(source.decoded) == [1, *range(16, COUNT)]


# -- the disk ---------------------------------------------------------------------------------------------


def test_a_disk_without_room_is_refused_before_anything_is_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(
        shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(10**9, 10**9 - 1000, 1000)
    )
    source = Source()
    with pytest.raises(DataError, match="no room for the decoded images of birds/test") as caught:
        source.open(tmp_path / "p.npy")
    assert caught.value.why == "0.00 MB are needed, 0.00 MB are free"
    assert not source.decoded


def test_room_is_needed_for_the_rest_alone(tmp_path, monkeypatch):
    path = tmp_path / "p.npy"
    with pytest.raises(DataError):
        Source(fails_at=[COUNT - 1]).open(path)
    rest = PIECE * 3 * SIDE**2
    monkeypatch.setattr(
        shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(10**9, 10**9 - rest, rest)
    )
    assert np.array_equal(Source().open(path), EXPECTED)


def test_a_disk_that_fills_up_is_told_and_nothing_is_lost(tmp_path, monkeypatch):
    path, real = tmp_path / "p.npy", pixelfile._write
    written = []

    def write(file, content):
        if len(written) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(len(content))
        real(file, content)

    monkeypatch.setattr(pixelfile, "_write", write)
    with pytest.raises(DataError, match=r"p\.npy cannot be written") as caught:
        Source().open(path)
    assert caught.value.why.startswith("No space left on device: ")
    assert "are needed" in caught.value.why
    assert "then run the command again" in caught.value.fix
    monkeypatch.setattr(pixelfile, "_write", real)
    source = Source()
    assert np.array_equal(source.open(path), EXPECTED)
    assert sorted(source.decoded) == list(range(2 * PIECE, COUNT))


def test_the_fix_names_the_folder_to_move(tmp_path, monkeypatch):
    monkeypatch.setenv("CLBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CLBENCH_DATA", str(tmp_path / "data"))
    for name, variable in (("cache", "CLBENCH_CACHE"), ("data", "CLBENCH_DATA")):
        with pytest.raises(DataError) as caught:
            disk.check_room(tmp_path / name / "deep/er", 10**18, "it")
        assert variable in caught.value.fix
        assert "1,000,000,000.00 GB are needed" in caught.value.why


SMALL_FILES = """
import resource, sys
from pathlib import Path
from clbench.testing.doubles import tiny_images
from clbench.streams import Preprocessing
from clbench.errors import DataError
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    tiny_images(64, 2).pixels(Preprocessing(32, (0.5,) * 3, (0.5,) * 3), Path(sys.argv[1]))
except DataError as error:
    print(error)
"""


def test_a_real_limit_is_an_error_and_not_the_end_of_the_process(tmp_path):
    """A memory map would end the process with a bus error."""
    done = subprocess.run(
        [sys.executable, "-c", SMALL_FILES, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert "File too large: 0.20 MB are needed" in done.stdout
    assert not list(tmp_path.rglob("*.npy"))
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    images = tiny_images(64, 2)
    found = images.pixels(Preprocessing(32, (0.5,) * 3, (0.5,) * 3), tmp_path)
    assert found.shape == (64, 3, 32, 32)


# -- several processes ------------------------------------------------------------------------------------


def test_of_two_at_once_one_decodes_and_the_other_waits(tmp_path, monkeypatch, caplog):
    path, first, second = tmp_path / "p.npy", Source(), Source()
    started, waits, go_on = threading.Event(), threading.Event(), threading.Event()
    told = PixelFile._waiting

    def slowly(index, known):
        started.set()
        assert go_on.wait(60)
        return Source.view(first, index, known)

    def waiting(self):
        told(self)
        waits.set()

    first.view = slowly
    monkeypatch.setattr(PixelFile, "_waiting", waiting)
    results = {}
    threads = [threading.Thread(target=lambda: results.update(one=first.open(path)))]
    threads[0].start()
    assert started.wait(60)
    threads.append(threading.Thread(target=lambda: results.update(other=second.open(path))))
    threads[1].start()
    assert waits.wait(60)
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert np.array_equal(results["one"], EXPECTED)
    assert np.array_equal(results["other"], EXPECTED)
    assert not second.decoded
    assert "birds/test: another process is decoding these images" in caplog.text


# Decodes in one process after the other: for each line "PATH N" of its input, one that is killed before it
# runs line N of clbench's code. Answers how many lines there were where N is 0, which kills nothing.
KILLED = f"""
import os, signal, sys
import numpy as np
from pathlib import Path
from clbench.streams import pixelfile
from clbench.streams.pixelfile import PixelFile
pixelfile.PIECE_BYTES = {PIECE} * 3 * {SIDE} ** 2
clbench = str(Path(pixelfile.__file__).parents[1])
lines = 0

def view(index, known):
    return np.random.default_rng(index).integers(0, 256, (3, {SIDE}, {SIDE}), dtype=np.uint8)

def decode(path, last):
    def step(frame, event, argument):
        global lines
        if not frame.f_code.co_filename.startswith(clbench):
            return None
        if event == "line":
            lines += 1
            if lines == last:
                os.kill(os.getpid(), signal.SIGKILL)
        return step
    sys.settrace(step)
    PixelFile(path, {COUNT}, {SIDE}, "birds/test").open(lambda a, b: range(a, b), view)
    sys.settrace(None)

for words in sys.stdin:
    path, last = words.split()
    child = os.fork()
    if not child:
        decode(Path(path), int(last))
        print(lines, flush=True)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        print("killed" if os.WIFSIGNALED(status) else "failed", flush=True)
"""


@pytest.fixture(scope="module")
def decode():
    """Decode into a file in a process of its own that dies before the line of that number; 0 lets it end."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )

    def run(path, line=0):
        print(path, line, file=process.stdin, flush=True)
        return process.stdout.readline().strip()

    yield run
    process.communicate()
    assert process.returncode == 0


def check_after_a_kill(path, counted):
    """Nothing is lost that was counted, and what is counted is there; returns how much it is now."""
    file = PixelFile(path, COUNT, SIDE, "birds/test")
    assert file.decoded >= counted
    if file.decoded and not file.whole:
        part = path.with_name("p.npy.part").read_bytes()[128:]
        assert part[: file.decoded * 3 * SIDE**2] == EXPECTED[: file.decoded].tobytes()
    return file.decoded


def check_the_rest(path, counted):
    source = Source()
    assert np.array_equal(source.open(path), EXPECTED)
    assert sorted(source.decoded) == list(range(counted, COUNT))


def test_killed_at_any_moment_it_ends_with_the_same_bytes(tmp_path, decode):
    lines = int(decode(tmp_path / "p.npy"))
    for line in np.linspace(1, lines, 25).astype(int):
        path = tmp_path / str(line) / "p.npy"
        path.parent.mkdir()
        assert decode(path, line) == "killed"
        check_the_rest(path, check_after_a_kill(path, 0))


@pytest.mark.explore
def test_killed_again_and_again_it_ends_with_the_same_bytes(tmp_path, decode, explore_seed):
    lines, moments = int(decode(tmp_path / "p.npy")), random.Random(explore_seed)
    for number in range(50):
        path, counted = tmp_path / str(number) / "p.npy", 0
        path.parent.mkdir()
        while decode(path, moments.randint(1, lines)) == "killed":
            counted = check_after_a_kill(path, counted)
        check_the_rest(path, COUNT)
