"""``clbench prepare mtil``, killed at random moments: the same command again ends with the same bytes."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from clbench_mtil import testing
from PIL import Image

pytestmark = pytest.mark.explore

COUNT = 1000  # images of a class: several pieces of 222


@pytest.fixture
def root(tmp_path):
    place = tmp_path / "data"
    testing.write("eurosat", place, 3)
    for folder in sorted((place / "eurosat/2750").iterdir()):
        noise = np.random.default_rng(len(folder.name)).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        for number in range(COUNT):
            path = folder / f"{folder.name}_{number + 100}.jpg"
            Image.fromarray(np.roll(noise, number, axis=1)).save(path)
    return place


def start(root, cache):
    return subprocess.Popen(
        [
            *(sys.executable, "-c", "from clbench.cli import main; main(prog_name='clbench')"),
            *("prepare", "mtil", "--only", "eurosat", "--train"),
        ],
        env={
            **os.environ,
            "CLBENCH_DATA": str(root),
            "CLBENCH_CACHE": str(cache),
            "CLBENCH_MTIL_COUNTS": "any",
            "OMP_NUM_THREADS": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def contents(cache):
    return {path.name: path.read_bytes() for path in (cache / "pixels").glob("*.npy")}


def test_killed_at_random_moments_it_goes_on(root, tmp_path, explore_seed):
    straight = start(root, tmp_path / "straight")
    output, _ = straight.communicate()
    assert straight.returncode == 0, output
    expected = contents(tmp_path / "straight")
    assert len(expected) == 2

    moments, cache, kills, longest = random.Random(explore_seed), tmp_path / "killed", 0, 0.5
    while kills < 3:
        before = len(list(cache.rglob("*.progress"))) + len(contents(cache))
        process = start(root, cache)
        # a random moment once it decodes
        while process.poll() is None and not list(cache.rglob("*.npy.part")):
            time.sleep(0.002)
        time.sleep(moments.uniform(0.0, longest))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
            process.communicate()
            assert len(list(cache.rglob("*.progress"))) + len(contents(cache)) >= before
            assert all(expected[name] == content for name, content in contents(cache).items())
        else:  # It was done before: however fast the machine, all over again with less to wait.
            process.communicate()
            shutil.rmtree(cache)
            kills, longest = 0, longest / 2
    last = start(root, cache)
    output, _ = last.communicate()
    assert last.returncode == 0, output
    assert contents(cache) == expected
    assert not [p for p in cache.rglob("*") if p.suffix in (".part", ".progress", ".tmp")]
