"""``kill -9`` at a random moment, the same command again: the result is that of an undisturbed run."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from clbench.plugins import get_registry

pytestmark = pytest.mark.explore

ZSCL = {"iterations": 4, "warmup": 1, "batch_size": 8, "reference_batch_size": 8, "ensemble_interval": 2}
# What a record says about when, where and how long, and nothing else, may differ.
CIRCUMSTANCES = {"provenance", "resources"}


def start(stream, out, site, cache):
    settings = [word for key, value in ZSCL.items() for word in ("--set", f"zscl.{key}={value}")]
    return subprocess.Popen(
        [
            *(sys.executable, "-c", "from clbench.cli import main; main(prog_name='clbench')"),
            *(
                "run",
                "--methods",
                "zscl",
                "--stream",
                stream,
                "--device",
                "cpu",
                "--out",
                str(out),
                *settings,
            ),
        ],
        env={**os.environ, "PYTHONPATH": str(site), "CLBENCH_CACHE": str(cache), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def result(out):
    (path,) = out.glob("*/zscl-*/record.json")
    record = json.loads(path.read_text())
    assert record["status"] == "finished"
    for name in CIRCUMSTANCES:
        record.pop(name)
    return path.parent, record


def predictions(folder):
    found = {}
    for path in sorted(folder.rglob("*.npz")):
        with np.load(path) as arrays:
            found |= {(path.relative_to(folder), name): arrays[name] for name in arrays.files}
    return {key: value for key, value in found.items() if "seconds" not in key[1]}


def kill_twice(stream, out, site, cache, moments):
    """Kill the run a random moment after its first row, and that which goes on after its next."""
    longest, kills = 0.3, 0
    while kills < 2:
        process = start(stream, out, site, cache)
        while process.poll() is None and len(list(out.glob("*/*/rows/*.npz"))) <= kills:
            time.sleep(0.002)
        time.sleep(moments.uniform(0.0, longest))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
            process.communicate()
            continue
        output, _ = process.communicate()
        assert process.returncode == 0, output
        # It was done before: however fast the machine, all over again with less to wait.
        shutil.rmtree(out)
        longest, kills = longest / 2, 0


@pytest.mark.parametrize("stream", ["tiny", "mini"])
def test_a_killed_run_ends_as_an_undisturbed_one(stream, site, tmp_path, explore_seed):
    if stream == "mini" and "mini" not in get_registry().streams:
        pytest.skip("clbench-mini is not installed or broken")
    cache = tmp_path / "cache"
    straight = start(stream, tmp_path / "straight", site, cache)
    output, _ = straight.communicate()
    assert straight.returncode == 0, output

    kill_twice(stream, tmp_path / "killed", site, cache, random.Random(explore_seed))
    last = start(stream, tmp_path / "killed", site, cache)
    output, _ = last.communicate()
    assert last.returncode == 0, output

    folder, record = result(tmp_path / "straight")
    other_folder, other_record = result(tmp_path / "killed")
    assert other_record == record
    ours, theirs = predictions(folder), predictions(other_folder)
    assert ours.keys() == theirs.keys()
    assert ours
    assert all(np.array_equal(ours[key], theirs[key]) for key in ours)
