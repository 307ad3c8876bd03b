"""Divide the machine among runs that go on at once: threads of the CPU, and GPUs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import psutil

from clbench.config import RunConfig
from clbench.results.provenance import cpu_threads
from clbench.runs.supervisor.gpus import gpus_here

__all__ = ["Share", "shares"]

_MEMORY_OF_A_RUN = 2 * 2**30  # bytes that a run of a small model takes, libraries included


@dataclass(frozen=True)
class Share:
    """What one run at a time may use.

    Attributes:
        threads: of the CPU; 0: as torch finds fit.
        gpu: index of a GPU, for runs on ``cuda`` without one; ``None``: the first.
    """

    threads: int = 0
    gpu: int | None = None

    def placed(self, config: RunConfig) -> RunConfig:
        """The configuration on this share's GPU; its key is the same."""
        if config.device == "cuda" and self.gpu is not None:
            return replace(config, device=f"cuda:{self.gpu}")
        return config


def shares(configs: Sequence[RunConfig], jobs: int | None) -> list[Share]:
    """One share for each run that may go on at once.

    Args:
        configs: of all runs.
        jobs: how many at once; ``None``: one a GPU, or one a thread of the CPU as far as memory allows.
    """
    on_gpu = any(config.device.startswith("cuda") for config in configs)
    gpus = gpus_here() if on_gpu else 0
    threads = cpu_threads()
    if jobs is None:
        room = max(1, psutil.virtual_memory().available // _MEMORY_OF_A_RUN)
        jobs = gpus or min(threads, room)
    jobs = max(1, min(jobs, len(configs)))
    if jobs == 1:
        return [Share()]
    each = max(1, threads // jobs)
    return [Share(each, number % gpus if gpus > 1 else None) for number in range(jobs)]
