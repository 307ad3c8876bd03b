"""What a whole process shares and a method must leave as it is; saved before a check, restored after."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

__all__ = ["private_surroundings", "process_settings"]


def process_settings() -> dict[str, Any]:
    """Settings of the process that change what other code computes."""
    return {
        "the working directory": Path.cwd(),
        "torch's default dtype": torch.get_default_dtype(),
        "torch's gradient mode": torch.is_grad_enabled(),
        "torch's number of threads": torch.get_num_threads(),
        "torch's deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "cudnn's benchmark mode": torch.backends.cudnn.benchmark,
        "the precision of float32 matrix products": torch.get_float32_matmul_precision(),
        "the environment's variables": dict(os.environ),
    }


@contextmanager
def private_surroundings(cache: Path) -> Iterator[None]:
    """Use ``cache`` as clbench's cache, and put everything back at the end."""
    states = random.getstate(), np.random.get_state()
    before = process_settings()
    temporary = tempfile.tempdir
    os.environ["CLBENCH_CACHE"] = str(cache)
    try:
        with torch.random.fork_rng():
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        tempfile.tempdir = temporary
        os.chdir(before["the working directory"])
        os.environ.clear()
        os.environ.update(before["the environment's variables"])
        torch.set_default_dtype(before["torch's default dtype"])
        torch.set_grad_enabled(before["torch's gradient mode"])
        torch.set_num_threads(before["torch's number of threads"])
        torch.use_deterministic_algorithms(before["torch's deterministic algorithms"])
        torch.backends.cudnn.benchmark = before["cudnn's benchmark mode"]
        torch.set_float32_matmul_precision(before["the precision of float32 matrix products"])
