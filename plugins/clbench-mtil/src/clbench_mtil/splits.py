"""The rules by which samples are divided. All are functions of sizes, labels and a seed alone."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence

__all__ = ["by_class", "eighty_twenty", "fifth_per_class", "hold_out_fifth"]


def eighty_twenty(n: int) -> tuple[list[int], list[int]]:
    """Indices of training and test samples of a data set without an official split.

    The first ⌊0.8 n⌋ of a permutation by a fresh generator with seed 42 are to train (ZSCL's
    ``src/datasets/collections.py``; GIFT and MoE-Adapters have it from there).
    """
    import torch

    permutation = torch.randperm(n, generator=torch.Generator().manual_seed(42)).tolist()
    size = n * 8 // 10
    return permutation[:size], permutation[size:]


def fifth_per_class(labels: Sequence[int], seed: int) -> tuple[list[int], list[int]]:
    """Indices to train and to validate: a fifth of each class, rounded, is held out.

    CoOp's code does so at run time for data sets without a file of their split, with whatever state the
    random generator is in; here the state is that of ``seed``.
    """
    classes = by_class(labels)
    train, held_out = hold_out_fifth(random.Random(seed), [classes[label] for label in sorted(classes)])
    return sorted(train), sorted(held_out)


def hold_out_fifth(chance: random.Random, classes: Iterable[list[int]]) -> tuple[list[int], list[int]]:
    """Indices to train and to validate, class by class: each class is shuffled in place, and the first fifth
    of it, rounded, is held out."""
    train: list[int] = []
    held_out: list[int] = []
    for indices in classes:
        chance.shuffle(indices)
        size = round(0.2 * len(indices))
        held_out += indices[:size]
        train += indices[size:]
    return train, held_out


def by_class(labels: Sequence[int]) -> dict[int, list[int]]:
    """Indices of each class, classes in the order in which they first come."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    for index, label in enumerate(labels):
        found[label].append(index)
    return found
