"""Which images a few-shot stream trains on: the draws of published code, image for image.

A draw is of all data sets of a stream together. The authors seed one generator at the start and take data
sets in a row, so what is drawn of the fifth depends on how many were drawn of the first four. Each function
here is told the labels of all and gives indices into them. NumPy promises that its legacy generator stays as
it is; a test with known draws holds Python's to what it was.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np

from clbench_mtil.splits import by_class, hold_out_fifth

__all__ = ["DRAWS", "UNDIVIDED", "DrawName", "Drawn", "Labels", "default_seed", "draw_all"]

DrawName = Literal["seeded", "coop", "diki", "rail", "moe"]
Labels = Mapping[str, Mapping[str, Sequence[int]]]
"""Labels in the order of the files: data set → part (``train``, perhaps ``validation``) → one per image."""
Drawn = dict[str, dict[str, list[int]]]
"""Indices into them; an index may come twice where a class is filled by repetition. ``validation`` of a data
set in :data:`UNDIVIDED` has indices into ``train``."""

UNDIVIDED: Mapping[DrawName, frozenset[str]] = {
    "diki": frozenset({"cifar100", "mnist"}),
    "rail": frozenset({"mnist"}),
}
"""Data sets of which a draw is told all training images, none held out before."""

_VALIDATION = 4
"""Most images of a class to validate, in CoOp's code and what has it from there."""


def default_seed(draw: DrawName) -> int:
    """The seed of the published code, or 1."""
    return 42 if draw in ("diki", "rail", "moe") else 1


def draw_all(draw: DrawName, labels: Labels, shots: int, seed: int) -> Drawn:
    """What is drawn of each data set, in the order in which ``labels`` has them.

    Args:
        draw: whose rule.
        labels: of all data sets of the stream.
        shots: images per class.
        seed: of the generator, see :func:`default_seed`.
    """
    return DRAWS[draw](labels, shots, seed)


def _seeded(labels: Labels, shots: int, seed: int) -> Drawn:
    """This package's own: a fresh generator for each part of each data set, classes in label order."""
    found: Drawn = {}
    for key, of in labels.items():
        found[key] = {part: _own(given, _count(part, shots), seed) for part, given in of.items()}
    return found


def _own(labels: Sequence[int], shots: int, seed: int) -> list[int]:
    chance, classes = random.Random(seed), by_class(labels)
    drawn = [chance.sample(classes[c], min(shots, len(classes[c]))) for c in sorted(classes)]
    return sorted(index for indices in drawn for index in indices)


def _count(part: str, shots: int) -> int:
    return min(shots, _VALIDATION) if part == "validation" else shots


def _coop(labels: Labels, shots: int, seed: int) -> Drawn:
    """CoOp's ``shot_K-seed_S.pkl``: a fresh generator for each data set, which draws the training images,
    then up to four of a class to validate (github:KaiyangZhou/CoOp ``datasets/oxford_pets.py``, commit
    1fbb1a6, with Dassl's ``generate_fewshot_dataset``)."""
    found: Drawn = {}
    for key, of in labels.items():
        found[key] = _both(random.Random(seed), of, shots)
    return found


def _both(chance: random.Random, of: Mapping[str, Sequence[int]], shots: int) -> dict[str, list[int]]:
    """Images to train, then those to validate where there are any."""
    parts = [part for part in ("train", "validation") if part in of]
    return {part: _sampled(chance, of[part], _count(part, shots)) for part in parts}


def _diki(labels: Labels, shots: int, seed: int) -> Drawn:
    """DIKI's: one generator for all data sets, of each the training images, then those to validate; CIFAR100
    and MNIST are divided by the same generator first (github:lloongx/DIKI ``DIKI/datasets.py`` and
    ``DIKI/MTIL_datasets``, commit 5e9adb2).

    The authors divide CIFAR100 anew for its validation images, so that most of these are training images.
    Here they are those of the first division.
    """
    chance = random.Random(seed)
    found: Drawn = {}
    for key, of in labels.items():
        if key not in UNDIVIDED["diki"]:
            found[key] = _both(chance, of, shots)
            continue
        train, held_out = hold_out_fifth(chance, by_class(of["train"]).values())
        whole = {"train": train, "validation": held_out}
        within = {part: [of["train"][i] for i in indices] for part, indices in whole.items()}
        drawn = _both(chance, within, shots)
        found[key] = {part: [whole[part][i] for i in chosen] for part, chosen in drawn.items()}
    return found


def _rail(labels: Labels, shots: int, seed: int) -> Drawn:
    """RAIL's: one generator, which draws whenever a data set is built. All are built once to name classes,
    each again to train, and all again to test after each task. MNIST's images are drawn by NumPy's generator
    (github:linghan1997/Regression-based-Analytic-Incremental-Learning ``primal_RAIL.py``,
    ``scenario_datasets/utils.py`` and ``collections.py``, commit a0ecaef).

    Classes with fewer images are filled by drawing with repetition. The order of tasks is the one that
    ``labels`` has: another order of the authors' configuration would be another draw.
    """
    chance, arrays = random.Random(seed), np.random.RandomState(seed)
    files = [key for key in labels if key != "mnist"]
    found: Drawn = {}

    def build(key: str) -> list[int]:
        return _sampled(chance, labels[key]["train"], shots, fill=True)

    def build_all() -> None:
        for key in files:
            build(key)

    build_all()  # for the names of classes
    for key, of in labels.items():
        found[key] = {"train": build(key) if key in files else _by_array(arrays, of["train"], shots)}
        build_all()  # to test
    return _with_own_validation(found, labels, shots)


def _moe(labels: Labels, shots: int, seed: int) -> Drawn:
    """MoE-Adapters': the first of each class that a shuffled loader gives
    (github:JiazuoYu/MoE-Adapters4CL ``mtil/src/models/finetune.py``, commit 07d5c33).

    The rule is theirs. Their generator has been used to make the model before it shuffles, and each image is
    kept as one random crop of it: neither is repeated here, so the images are not the very ones.
    """
    import torch

    found: Drawn = {}
    for key, of in labels.items():
        order = torch.randperm(len(of["train"]), generator=torch.Generator().manual_seed(seed)).tolist()
        classes: defaultdict[int, list[int]] = defaultdict(list)
        for index in order:
            if len(kept := classes[of["train"][index]]) < shots:
                kept.append(index)
        found[key] = {"train": [index for kept in classes.values() for index in kept]}
    return _with_own_validation(found, labels, shots)


def _with_own_validation(found: Drawn, labels: Labels, shots: int) -> Drawn:
    """With images to validate, of which the authors take none, by this package's rule."""
    for key, of in labels.items():
        if "validation" in of:
            found[key]["validation"] = _own(of["validation"], _count("validation", shots), 1)
    return found


DRAWS: Mapping[DrawName, Callable[[Labels, int, int], Drawn]] = {
    "seeded": _seeded,
    "coop": _coop,
    "diki": _diki,
    "rail": _rail,
    "moe": _moe,
}


def _sampled(chance: random.Random, labels: Sequence[int], shots: int, *, fill: bool = False) -> list[int]:
    """``shots`` of each class; of one that has fewer all, or, with ``fill``, as many by repetition."""
    found: list[int] = []
    for indices in by_class(labels).values():
        if len(indices) >= shots:
            found += chance.sample(indices, shots)
        elif fill:
            found += chance.choices(indices, k=shots)
        else:
            found += indices
    return found


def _by_array(arrays: np.random.RandomState, labels: Sequence[int], shots: int) -> list[int]:
    """``shots`` of each class, in label order, by NumPy's legacy generator."""
    given = np.asarray(labels)
    found: list[int] = []
    for label in np.unique(given):
        indices = np.where(given == label)[0]
        found += arrays.choice(indices, shots, replace=len(indices) < shots).tolist()
    return found
