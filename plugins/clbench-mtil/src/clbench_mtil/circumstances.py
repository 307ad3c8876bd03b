"""Environment variables that make a stream another one than its name says. Nothing is opened."""

from __future__ import annotations

import os

from clbench.errors import ConfigError
from clbench.streams.disk import data_root
from clbench.streams.varying import base_name

from clbench_mtil.catalogue import counts_checked
from clbench_mtil.draws import DrawName, default_seed
from clbench_mtil.hubcopies import source_name

__all__ = ["ANY_COUNTS", "deciding", "shots_seed"]

ANY_COUNTS = "for trials: numbers of classes and images were not held against the published ones"
"""What is said beside figures of data of any size."""


def shots_seed(draw: DrawName) -> int:
    """Seed of a few-shot draw: ``CLBENCH_MTIL_SHOTS_SEED``, else the published code's, or 1.

    Raises:
        ConfigError: it is no whole number.
    """
    given = os.environ.get("CLBENCH_MTIL_SHOTS_SEED", str(default_seed(draw)))
    if not given.isdigit():
        raise ConfigError(
            f"CLBENCH_MTIL_SHOTS_SEED is {given!r}",
            why="it is not a whole number",
            fix="set it to 1, 2, 3, …",
        )
    return int(given)


def deciding(name: str) -> dict[str, str]:
    """Those that decide what the stream ``name`` holds, where they are not what they are by default.

    Where data of any size are taken, what they are depends on the folder, too. The folder and the hub give
    the same samples, and do not count.
    """
    from clbench_mtil.variants import VARIANTS
    from clbench_mtil.variations import variant_of

    found: dict[str, str] = {}
    variant = variant_of(name) if base_name(name) in VARIANTS else None
    if variant is not None and variant.shots:
        draw = variant.facts.draw
        if (seed := shots_seed(draw)) != default_seed(draw):
            found["CLBENCH_MTIL_SHOTS_SEED"] = str(seed)
    if not counts_checked():
        found |= {"CLBENCH_MTIL_COUNTS": "any", "CLBENCH_DATA": str(data_root().absolute())}
    if source_name() == "hub-any":
        found |= {"CLBENCH_MTIL_SOURCE": "hub-any"}
        if own := os.environ.get("CLBENCH_MTIL_HUB"):
            found["CLBENCH_MTIL_HUB"] = own
    return found
