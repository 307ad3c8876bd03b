"""Print how often printed intervals hold the true figure: what docs/statistics.md says of it."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
from clbench.results.metrics import average
from clbench.results.statistics.estimates import estimate
from clbench.results.statistics.pairs import metric_weights
from clbench.results.statistics.trials import Trial
from scipy.special import ndtr

SEEDS, ORDERS = (1, 3, 5, 10), (1, 2, 5)
TASKS = ("a", "b")


@dataclass(frozen=True)
class World:
    """How much each source moves a run's logits; images have a difficulty of variance 1.

    Attributes:
        images: test images a task.
        training: of a task, from seed to seed.
        single: of an image, from seed to seed.
        orders: of a task, from order to order.
        group: images of one group share their difficulty.
    """

    images: int = 300
    training: float = 0.1
    single: float = 0.3
    orders: float = 0.1
    group: int = 1


def covered(world: World, seeds: int, orders: int, *, worlds: int, rng: np.random.Generator) -> float:
    """The share of ``worlds`` whose interval of Average holds the truth, in percent."""
    weights = metric_weights(average, len(TASKS))
    assert weights is not None
    hits = 0
    for _ in range(worlds):
        runs, truth = drawn(world, seeds, orders, rng)
        found = estimate(runs, [weights] * orders)
        assert found is not None
        assert found.half_width is not None
        hits += abs(found.mean - truth) <= found.half_width
    return 100 * hits / worlds


def drawn(world: World, seeds: int, orders: int, rng: np.random.Generator) -> tuple[list[list[Trial]], float]:
    """The runs of one world, by order, and the true Average in percent."""
    many = seeds >= 3 or orders >= 3  # the interval is over training, too
    groups = world.images // world.group
    difficulty = [np.repeat(rng.normal(size=groups), world.group) for _ in TASKS]
    numbers = np.repeat(np.arange(groups), world.group)
    runs, true = [], []
    for _ in range(orders):
        moved = rng.normal(0, world.orders, 2)
        trials = []
        for seed in range(seeds):
            luck = rng.normal(0, world.training, 2)
            right = tuple(
                np.repeat(d[None] + moved[j] + luck[j] + rng.normal(0, world.single, d.shape) > 0, 2, axis=0)
                for j, d in enumerate(difficulty)
            )
            matrix = 100 * np.stack([r.mean(axis=1) for r in right], axis=1)
            alike = dict.fromkeys(TASKS, numbers) if world.group > 1 else {}
            trials.append(
                Trial(seed, TASKS, matrix, right, tuple(np.zeros(len(d), int) for d in difficulty), alike)
            )
            if not many:
                true.append(ndtr((moved + luck) / np.hypot(1, world.single)).mean())
        runs.append(trials)
        if many and orders < 3:  # these orders, all seeds
            true.append(ndtr(moved / np.sqrt(1 + world.single**2 + world.training**2)).mean())
    # All orders: luck is as often good as bad.
    return runs, 100 * float(np.mean(true)) if true else 50.0


def main() -> None:
    """Print a table for each kind of world."""
    worlds = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    rng = np.random.default_rng(0)
    kinds = {
        "as mini": World(),
        "training hardly moves": World(training=0.01, single=0.05),
        "training moves most": World(images=2000, training=0.4),
        "40 groups of 8 images": World(images=320, group=8),
    }
    print(f"95 % intervals that hold the true figure, in %, of {worlds:,} worlds")
    print(f"{'':<24}{'orders':>8}" + "".join(f"{n:>6} seed{'s' * (n > 1)}" for n in SEEDS))
    for name, world in kinds.items():
        for orders in ORDERS:
            row = [covered(world, seeds, orders, worlds=worlds, rng=rng) for seeds in SEEDS]
            print(
                f"{name:<24}{orders:>8}"
                + "".join(f"{x:>{11 if n > 1 else 10}.1f}" for n, x in zip(SEEDS, row, strict=True))
            )


if __name__ == "__main__":
    main()
