"""Which official package gives which name, for messages about names that are not installed."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["CATALOGUE"]

# A test keeps this in step with the plugins of this repository: no message may send a person to a
# package that does not exist.
CATALOGUE: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "method": {
            "zscl": "clbench-zscl",
            "diki": "clbench-diki",
            "gift": "clbench-gift",
            "zero-shot": "clbench-baselines",
            "finetune": "clbench-baselines",
            "joint": "clbench-baselines",
            "independent": "clbench-baselines",
            "wc": "clbench-baselines",
            "wise-ft": "clbench-baselines",
            "lwf": "clbench-baselines",
            "lwf-vr": "clbench-baselines",
        },
        "stream": {
            "mini": "clbench-mini",
            "mtil": "clbench-mtil",
            "mtil-coop": "clbench-mtil",
            "mtil-fs": "clbench-mtil",
            "x-tail": "clbench-mtil",
        },
        "backbone": {
            "mini-clip": "clbench-mini",
            "ViT-B-16.openai": "clbench-mtil",
            "ViT-B-32.openai": "clbench-mtil",
        },
        "generator": {"mini-diffusion": "clbench-mini", "sd15": "clbench-gift"},
    }
)
