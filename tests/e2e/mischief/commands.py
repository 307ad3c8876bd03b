"""``clbench run`` in a process of its own, on the plugin of methods that misbehave."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

HERE = Path(__file__).parent
MARK = "CLBENCH_TEST_COMMAND"  # in the environment of all processes of a command

# What a record says about when, where and how long, and nothing else, may differ.
CIRCUMSTANCES = {"provenance", "resources"}


def start(out: Path, methods: str, *words: str, plugin: Path = HERE / "mischief.py") -> subprocess.Popen:
    """Start a command whose processes :func:`left` finds."""
    return subprocess.Popen(
        [
            *(sys.executable, "-c", "from clbench.cli import main; main(prog_name='clbench')", "run"),
            *("--plugin", str(plugin), "--stream", "tiny", "--device", "cpu", "--out", str(out)),
            *("--methods", methods, *words),  # a later --stream replaces the first
        ],
        env={**os.environ, MARK: str(out), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )


def left(out: Path) -> list[psutil.Process]:
    """Processes of commands for ``out``, by their environment, which children inherit."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == str(out):
                found.append(process)
        except psutil.Error:
            continue
    return found


def left_after(out: Path, seconds: float) -> list[psutil.Process]:
    """Processes that are still there after that time."""
    until = time.monotonic() + seconds
    while (found := left(out)) and time.monotonic() < until:
        time.sleep(0.1)
    return found


def folder_of(out: Path, method: str) -> Path | None:
    """The folder of the method's run."""
    seeded = method if "-seed" in method else f"{method}-seed0"
    return next(iter(out.glob(f"*/{seeded}-*")), None)


def record_of(out: Path, method: str) -> dict[str, Any]:
    """The record of the method's run; empty if there is none."""
    folder = folder_of(out, method)
    path = folder / "record.json" if folder else None
    return json.loads(path.read_text()) if path and path.is_file() else {}


def figures(out: Path, method: str) -> dict[str, Any]:
    """All of a finished run that must not depend on what went on around it: to be compared bit for bit."""
    folder, record = folder_of(out, method), record_of(out, method)
    assert folder is not None
    assert record["status"] == "finished", record
    found: dict[str, Any] = {k: v for k, v in record.items() if k not in CIRCUMSTANCES}
    for path in sorted(folder.rglob("*.npz")):
        with np.load(path) as arrays:
            found |= {f"{path.name}:{n}": arrays[n].tobytes() for n in arrays.files if "seconds" not in n}
    state = torch.load(folder / "checkpoint.pt", weights_only=True)["state"]
    found |= {f"weight {name}": value.numpy().tobytes() for name, value in state["model"].items()}
    return found
