"""Run the README's first command as on the first day, then again; print table, times and peak memory (Unix).

python tests/benchmarks/first_command.py --out /tmp/first
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import tempfile
import time


def main() -> None:
    """Run the command twice with an empty cache, and an empty folder of records unless one is given."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", help="keep the records here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "CLBENCH_CACHE": f"{folder}/cache"}
        out = arguments.out or f"{folder}/runs"
        command = ["uv", "run", "clbench", "run", "--methods", "zscl,diki,gift", "--out", out]
        for when in ("first", "again"):
            began = time.perf_counter()
            done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
            seconds = time.perf_counter() - began
            if when == "first":
                print(done.stdout[done.stdout.rindex("Method ") :])
            print(f"{when}: {seconds:.1f} s")
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        print(f"peak memory: {peak / 1e9:.1f} GB")


if __name__ == "__main__":
    main()
