"""CIFAR100 and MNIST, whose images are arrays."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np

from clbench_mtil.testing.pieces import colour

__all__ = ["cifar100", "mnist"]


def cifar100(root: Path, count: int) -> None:
    """CIFAR100, of ``count`` classes."""
    folder = root / "cifar-100-python"
    folder.mkdir(parents=True)
    names = [f"thing_{label}" for label in range(count)]
    for file, part in (("train", "train"), ("test", "test")):
        # ten per class to train: a fifth of them is held out for validation
        labels = [label for label in range(count) for _ in range(10 if part == "train" else 1)]
        pixels = np.stack([np.repeat(np.array(colour("cifar100", y), np.uint8), 1024) for y in labels])
        pixels[np.arange(len(labels)), np.arange(len(labels)) % 500] = 255
        (folder / file).write_bytes(pickle.dumps({"data": pixels, "fine_labels": labels}))
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": names}))


def mnist(root: Path, count: int) -> None:
    """MNIST, of ``count`` classes."""
    folder = root / "MNIST/raw"
    folder.mkdir(parents=True)
    for name, per_class in (("train", 10), ("t10k", 1)):
        labels = np.repeat(np.arange(count, dtype=np.uint8), per_class)
        pixels = np.zeros((len(labels), 28, 28), dtype=np.uint8)
        for number, label in enumerate(labels):
            pixels[number, : 2 * label + 2] = 200
            pixels[number, -1, number % 28] = 255
        big = ">i4"
        head = np.array([0x803, *pixels.shape], dtype=big).tobytes()
        (folder / f"{name}-images-idx3-ubyte").write_bytes(head + pixels.tobytes())
        head = np.array([0x801, len(labels)], dtype=big).tobytes()
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(head + labels.tobytes())
