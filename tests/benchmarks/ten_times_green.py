"""The test command ten times in random order, alone and beside busy processes: a table of how each run ended.

    python tests/benchmarks/ten_times_green.py [--times 10] [--busy 2] [--seed N] [PYTEST'S ARGUMENTS …]

Each run has an order of its own; ``pytest --random-order-seed=N`` repeats it. Exit status 1 if a run failed.
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

BUSY = "while True: pass"


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Processes that compute without end, for as long as the block lasts."""
    others = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(processes)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def one_run(seed: int, words: list[str]) -> tuple[bool, str]:
    """Run the tests in the order of this seed; whether all passed, and what pytest's last line says."""
    command = [sys.executable, "-m", "pytest", "-q", f"--random-order-seed={seed}", "--random-order", *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    for line in lines:
        if line.startswith(("FAILED", "ERROR")):
            print(f"    {line}", flush=True)
    return done.returncode == 0, re.sub(r" in [\d.]+s.*|=+", "", lines[-1]).strip()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--busy", type=int, default=2)
    parser.add_argument("--seed", type=int, default=None, help="of the orders (default: a new one)")
    options, words = parser.parse_known_args()
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    print(f"orders drawn from seed {seed}\n")
    print("| beside | order's seed | outcome | seconds |\n|---|---|---|---|")
    orders, green, runs = random.Random(seed), 0, 0
    for processes in (0, options.busy):
        for _ in range(options.times):
            order, began = orders.randrange(10**6), time.monotonic()
            with busy(processes):
                passed, said = one_run(order, words)
            runs, green = runs + 1, green + passed
            beside = f"{processes} busy processes" if processes else "nothing"
            print(f"| {beside} | {order} | {said} | {time.monotonic() - began:.0f} |", flush=True)
    print(f"\n{green} of {runs} green")
    return 0 if green == runs else 1


if __name__ == "__main__":
    sys.exit(main())
