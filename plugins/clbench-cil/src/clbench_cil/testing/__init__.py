"""Writes the three data sets in miniature, in their own layouts and as their repositories on the hub do.

All classes are there, with few small images of one colour each; ``CLBENCH_CIL_COUNTS=any`` lets the streams
take them.
"""

from __future__ import annotations

from clbench_cil.testing.folders import (
    colour,
    write_domainnet,
    write_imagenet,
    write_tinyimagenet,
)
from clbench_cil.testing.hub import write_hub

__all__ = [
    "colour",
    "write_domainnet",
    "write_hub",
    "write_imagenet",
    "write_tinyimagenet",
]
