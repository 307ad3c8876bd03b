"""Print how long the README's first command takes, how long when typed again, and its peak memory (Unix)."""

from __future__ import annotations

import os
import resource
import subprocess
import tempfile
import time


def main() -> None:
    """Run the command twice with an empty cache and an empty folder of records."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "CLBENCH_CACHE": f"{folder}/cache"}
        command = ["uv", "run", "clbench", "run", "--methods", "zscl,diki,gift", "--out", f"{folder}/runs"]
        for when in ("first", "again"):
            began = time.perf_counter()
            subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
            print(f"{when}: {time.perf_counter() - began:.1f} s")
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        print(f"peak memory: {peak / 1e9:.1f} GB")


if __name__ == "__main__":
    main()
