"""What GIFT asks the text-to-image model for: prompts drawn from a pool, and one seed per image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["draw_prompts", "image_seeds", "prompt_pool"]

TASK_STRIDE = 100_000
_SEED_STRIDE = 10_000_000


def prompt_pool(class_pool: Sequence[str], template: str, earlier: Sequence[str]) -> tuple[str, ...]:
    """Return the pool's names in ``template``, then the first-template prompts of earlier tasks.

    A list, not a set: a prompt that occurs twice is drawn twice as often. Classes of the current task are
    not added; the teacher has not learned them.
    """
    return (*(template.replace("{}", name) for name in class_pool), *earlier)


def draw_prompts(pool: Sequence[str], count: int, *, task: int, seed: int) -> tuple[str, ...]:
    """Draw ``count`` prompts uniformly with replacement.

    Depends on the pool, the task's 0-based index and ``seed`` only, never on the run's seed: all runs
    that meet the same pool share the same images, as the authors' runs share one list per task.
    """
    chosen = np.random.default_rng([seed, task]).integers(len(pool), size=count)
    return tuple(pool[i] for i in chosen)


def image_seeds(count: int, *, task: int, seed: int) -> tuple[int, ...]:
    """Seeds of a task's images, by the authors' rule ``10⁷ seed + 10⁵ (task - 1) + j`` (task from 0)."""
    first = _SEED_STRIDE * seed + TASK_STRIDE * (task - 1)
    return tuple(range(first, first + count))
