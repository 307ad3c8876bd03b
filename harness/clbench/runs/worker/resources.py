"""Seconds and memory, measured by the harness."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from time import perf_counter  # its own: a method may put another clock into the module

import psutil
import torch

__all__ = ["MemoryGauge", "Stopwatch"]


class MemoryGauge:
    """Peak memory of this process (on CPU) or of the device's allocator since :meth:`start`.

    On Linux the kernel's own high-water mark is reset and read. Elsewhere the resident size is sampled at
    each :meth:`read`, which may miss a short peak.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._sampled = 0
        self._reset = False

    def start(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
            return
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM, see proc(5)
            self._reset = True

    def read(self) -> int:
        """Peak in bytes."""
        if self._device.type == "cuda":
            return int(torch.cuda.max_memory_allocated(self._device))
        if self._reset:
            for line in Path("/proc/self/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        self._sampled = max(self._sampled, int(psutil.Process().memory_info().rss))
        return self._sampled


class Stopwatch:
    """Wall-clock seconds; waits for the device, whose work is asynchronous."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._start = self._now()

    def seconds(self) -> float:
        return self._now() - self._start

    def _now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return perf_counter()
