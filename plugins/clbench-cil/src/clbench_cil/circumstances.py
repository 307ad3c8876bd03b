"""Environment variables that make a stream another one than its name says. Nothing is opened."""

from __future__ import annotations

from clbench.streams.disk import data_root

from clbench_cil.catalogue import counts_checked
from clbench_cil.hub import source_name

__all__ = ["deciding"]


def deciding(name: str = "") -> dict[str, str]:
    """Those that decide what the stream ``name`` holds, where they are not what they are by default."""
    from clbench_cil.stream import class_order
    from clbench_cil.variants import VARIANTS

    found: dict[str, str] = {}
    if name in VARIANTS and (order := class_order(VARIANTS[name])[0]) != VARIANTS[name].order:
        found["CLBENCH_CIL_CLASSES"] = order
    if not counts_checked():
        found |= {"CLBENCH_CIL_COUNTS": "any", "CLBENCH_DATA": str(data_root().absolute())}
    if source_name() == "hub-any":
        found["CLBENCH_CIL_SOURCE"] = "hub-any"
    return found
