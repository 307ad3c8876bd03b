"""How many NVIDIA GPUs there are, without torch, which would initialise them in this process."""

from __future__ import annotations

import os
import subprocess

__all__ = ["gpus_here"]


def gpus_here() -> int:
    """The number of GPUs that programs started from here may use."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([each for each in visible.split(",") if each.strip() not in ("", "-1")])
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return 0
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())
