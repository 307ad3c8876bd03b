"""Print how often paired statistics err where methods are equal: what docs/statistics.md says of them."""

from __future__ import annotations

import numpy as np
from clbench.results.metrics import average
from clbench.results.statistics.paired import paired_difference
from clbench.results.statistics.pairs import metric_weights, pair_up
from clbench.results.statistics.trials import Trial
from scipy.special import stdtrit

WORLDS = 200_000
TASKS = ("a", "b")


def main() -> None:
    """Simulate intervals of differences."""
    rng = np.random.default_rng(0)
    print("Equal methods told apart, in % (5 is promised); training = its share of the variance")
    print(f"{'seeds':>5}{'training':>10}{'Cochran':>10}{'Satterthwaite':>15}")
    for seeds in (3, 5, 10):
        for share in (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0):
            cochran, satterthwaite = intervals(rng, seeds, share)
            print(f"{seeds:>5}{share:>10.1f}{cochran:>10.1f}{satterthwaite:>15.1f}")
    print("\nThe code itself, 2,000 worlds of two equal methods, three seeds, 60 and 90 test images")
    for noise in (0.0, 0.1, 0.5):
        print(f"training noise {noise:.1f}: {differences(rng, noise):.1f} %")


def intervals(rng: np.random.Generator, seeds: int, share: float) -> tuple[float, float]:
    """Errors in % of Cochran's and Satterthwaite's interval of a mean whose variance is in two parts."""
    freedom = seeds - 1
    mean = np.abs(rng.normal(size=WORLDS))
    training = share * rng.chisquare(freedom, WORLDS) / freedom
    total = training + (1 - share)
    t, z = stdtrit(freedom, 0.975), stdtrit(np.inf, 0.975)
    cochran = (training * t + (1 - share) * z) / np.sqrt(total)
    known = freedom * (total / np.maximum(training, 1e-12)) ** 2
    return 100 * float(np.mean(mean > cochran)), 100 * float(
        np.mean(mean > stdtrit(known, 0.975) * np.sqrt(total))
    )


def differences(rng: np.random.Generator, noise: float) -> float:
    """Errors in % of the paired difference of Average, images and seeds being drawn anew in each world."""
    weights = metric_weights(average, 2)
    assert weights is not None
    wrong = 0
    for _ in range(2000):
        difficulty = [rng.normal(0, 1, n) for n in (60, 90)]
        taste = [rng.normal(0, 0.5, (2, len(d))) for d in difficulty]
        a, b = (
            [trial(rng, seed, difficulty, [t[k] for t in taste], noise) for seed in range(3)] for k in (0, 1)
        )
        wrong += paired_difference([pair_up(a, b)], [weights]).separable
    return 100 * wrong / 2000


def trial(
    rng: np.random.Generator, seed: int, difficulty: list[np.ndarray], taste: list[np.ndarray], noise: float
) -> Trial:
    """A run of two tasks: an image is answered right where its ease and the luck of training are above 0."""
    luck = rng.normal(0, noise, 2)
    right = [
        d + t + luck[j] + rng.normal(0, 0.1, (2, len(d))) > 0
        for j, (d, t) in enumerate(zip(difficulty, taste, strict=True))
    ]
    classes = tuple(np.zeros(len(d), dtype=int) for d in difficulty)
    return Trial(seed, TASKS, 100 * np.stack([r.mean(axis=1) for r in right], axis=1), tuple(right), classes)


if __name__ == "__main__":
    main()
