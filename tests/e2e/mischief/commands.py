"""``clbench run`` in a process of its own, on the plugin of methods that misbehave."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

HERE = Path(__file__).parent
MARK = "CLBENCH_TEST_COMMAND"  # in the environment of all processes of a command

# What a record says about when, where and how long, and nothing else, may differ.
CIRCUMSTANCES = {"provenance", "resources"}
COUNTED = {"trainable_parameters", "stored_parameters", "generated_images"}  # of the resources
MEASURED = {"learn_seconds", "peak_memory"}  # of a checkpoint


def start(
    out: Path, methods: str, *words: str, plugin: Path = HERE / "mischief.py", cache: Path | None = None
) -> subprocess.Popen:
    """Start a command whose processes :func:`left` finds; with a cache of its own, if one is given."""
    own = {} if cache is None else {"CLBENCH_CACHE": str(cache)}
    return subprocess.Popen(
        [
            *(sys.executable, "-c", "from clbench.cli import main; main(prog_name='clbench')", "run"),
            *("--plugin", str(plugin), "--stream", "tiny", "--device", "cpu", "--out", str(out)),
            *("--methods", methods, *words),  # a later --stream replaces the first
        ],
        # Without compiled modules half of a short command would be their compilation.
        env={**os.environ, MARK: str(out), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "", **own},
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
    """All of a finished run that must not depend on what went on around it: to be compared bit for bit.

    These are the record but for times, places and memory; rows, predictions and the zero-shot row; the whole
    checkpoint; and the names of the files that are left in the run's folder.
    """
    folder, record = folder_of(out, method), record_of(out, method)
    assert folder is not None
    assert record["status"] == "finished", record
    found: dict[str, Any] = {k: v for k, v in record.items() if k not in CIRCUMSTANCES}
    found |= {k: v for k, v in record["resources"].items() if k in COUNTED}
    for path in sorted([*folder.rglob("*.npz"), *out.glob("zero-shot/*.npz")]):
        with np.load(path) as arrays:
            found |= {f"{path.name}:{n}": arrays[n].tobytes() for n in arrays.files if "seconds" not in n}
    checkpoint = torch.load(folder / "checkpoint.pt", weights_only=True)
    assert checkpoint["state"]["model"], "a method's state has its weights"
    found |= {f"checkpoint {name}": value for name, value in _leaves(checkpoint) if name[0] not in MEASURED}
    found["files"] = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return found


def differing(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Names of what is not the same in two results of :func:`figures`."""
    names = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
    return [*names, *sorted({*one["files"]} ^ {*other["files"]})]


def _leaves(value: Any, *place: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Everything in nested dictionaries and lists, tensors as what they are and their bytes."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _leaves(each, *place, str(key))
    elif isinstance(value, list | tuple):
        for number, each in enumerate(value):
            yield from _leaves(each, *place, str(number))
    elif isinstance(value, torch.Tensor):
        yield (
            place,
            (str(value.dtype), tuple(value.shape), value.reshape(-1).view(torch.uint8).numpy().tobytes()),
        )
    else:
        yield place, value
