"""Print how long paired statistics take at the size of MTIL: 97,209 test images, eleven tasks."""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from clbench.boards import leaderboard
from clbench.boards.comparison.comparing import compare_sides
from clbench.boards.comparison.sides import find_side
from clbench.results import load_records
from clbench.testing.records import make_run

IMAGES = (3333, 1736, 10000, 1880, 5400, 6149, 25250, 10000, 3669, 8041, 21751)
METHODS, SEEDS = 20, 3


def main() -> None:
    """Write runs with predictions, rank them, and compare two of them."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        difficulty = [rng.normal(size=n) for n in IMAGES]
        for method in range(METHODS):
            for seed in range(SEEDS):
                right = [d + rng.normal(0.01 * method, 0.5, (len(IMAGES), len(d))) > 0 for d in difficulty]
                make_run(out / f"{method}-{seed}", right, method=f"m{method:02}", seed=seed)
        size = sum(file.stat().st_size for file in out.rglob("*")) / 1e6
        print(f"{METHODS} methods, {SEEDS} seeds: {METHODS * SEEDS} runs, {size:.0f} MB")
        with timed("leaderboard without ranks"):
            leaderboard([out], ranks=False)
        with timed("leaderboard with ranks"):
            table = leaderboard([out], ranks=True).tables[0]
        print(f"letters: {', '.join(row.letters for row in table.rows)}")
        with timed("compare, 3 seeds, 3 metrics"):
            stored = load_records([out]).stored
            compare_sides(find_side("m00", stored), find_side("m01", stored), ["transfer", "average", "last"])
        with timed("compare, 1 seed, 3 metrics"):
            stored = load_records([out / "0-0", out / "1-0"]).stored
            compare_sides(find_side("m00", stored), find_side("m01", stored), ["transfer", "average", "last"])
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB of memory at most")


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print the seconds that the block takes, and those of the processor, which others do not lengthen."""
    began, worked = time.perf_counter(), time.process_time()
    yield
    print(f"{what}: {time.perf_counter() - began:.1f} s ({time.process_time() - worked:.1f} s of work)")


if __name__ == "__main__":
    main()
