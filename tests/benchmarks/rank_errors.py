"""Print how often ranks and letters err on tables of known truth: what docs/statistics.md says of them."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
from clbench.results.metrics import average
from clbench.results.statistics.pairs import metric_weights
from clbench.results.statistics.ranks import ranking
from clbench.results.statistics.trials import Trial

TASKS, IMAGES, NOISES = ("a", "b"), 300, (0.01, 0.05, 0.1, 0.2)
TABLES = {
    "all equal": (0.0,) * 8,
    "three levels": (0.8, 0.8, 0.3, 0.3, 0.3, 0.0, 0.0, 0.0),
    "pairs": (1.5, 1.5, 1.0, 1.0, 0.5, 0.5, 0.0, 0.0),
    "one apart": (0.7, *(0.0,) * 7),
    "a ladder": tuple(0.15 * n for n in range(7, -1, -1)),
    "15 methods, all equal": (0.0,) * 15,
}


def drawn(rng: np.random.Generator, levels: Sequence[float], seeds: int) -> list[list[Trial]]:
    """Methods whose true Averages are equal where their levels are, and whose training is unequally noisy."""
    difficulty = [rng.normal(size=IMAGES) for _ in TASKS]
    methods = []
    for level in levels:
        noise = float(rng.choice(NOISES))
        taste = [rng.normal(0, 0.5, IMAGES) for _ in TASKS]
        shift = level * np.sqrt(1 + 0.5**2 + 0.2**2 + noise**2)
        trials = []
        for seed in range(seeds):
            luck = rng.normal(0, noise, 2)
            right = tuple(
                np.repeat(d[None] + t + shift + luck[j] + rng.normal(0, 0.2, IMAGES) > 0, 2, axis=0)
                for j, (d, t) in enumerate(zip(difficulty, taste, strict=True))
            )
            matrix = 100 * np.stack([r.mean(axis=1) for r in right], axis=1)
            classes = tuple(np.zeros(IMAGES, dtype=int) for _ in TASKS)
            trials.append(Trial(seed, TASKS, matrix, right, classes))
        methods.append(trials)
    return methods


def errors(rng: np.random.Generator, levels: Sequence[float], seeds: int, tables: int) -> tuple[float, ...]:
    """In %: tables with a false split, false among all splits, ranks that hold the truth; splits a table."""
    weights = metric_weights(average, len(TASKS))
    assert weights is not None
    divided, shares, held, splits = 0, [], [], 0
    for _ in range(tables):
        found = ranking(drawn(rng, levels, seeds), weights)
        told = [pair for pair in found.p if found.separable(*pair)]
        false = [
            (i, j)
            for i, j in told
            if levels[i] == levels[j] or (found.pairs[i, j].difference > 0) != (levels[i] > levels[j])
        ]
        divided += bool(false)
        shares.append(len(false) / max(len(told), 1))
        splits += len(told)
        for ranks, level in zip(found.ranks, levels, strict=True):
            assert ranks is not None
            best = 1 + sum(x > level for x in levels)
            worst = len(levels) - sum(x < level for x in levels)
            held.append(ranks[0] <= best and worst <= ranks[1])
    return 100 * divided / tables, 100 * float(np.mean(shares)), 100 * float(np.mean(held)), splits / tables


def main() -> None:
    """Print a line for each kind of table and number of seeds."""
    tables = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    rng = np.random.default_rng(0)
    print(f"{tables} tables of each kind; 5 % of splits may be false")
    print(f"{'':<24}{'seeds':>6}{'splits':>8}{'false in %':>12}{'tables with one':>17}{'ranks right':>13}")
    for name, levels in TABLES.items():
        for seeds in (3, 5):
            divided, share, held, splits = errors(rng, levels, seeds, tables)
            print(f"{name:<24}{seeds:>6}{splits:>8.1f}{share:>12.1f}{divided:>17.1f}{held:>13.1f}")


if __name__ == "__main__":
    main()
