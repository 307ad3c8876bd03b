"""Class-incremental CIFAR100: the classes of one data set, a few per task."""

from __future__ import annotations

from clbench.errors import DataError
from clbench.streams import Stream, data_root

from clbench_mtil.catalogue import counts_checked, document
from clbench_mtil.circumstances import ANY_COUNTS
from clbench_mtil.increments import increments
from clbench_mtil.protocols import divide
from clbench_mtil.steps import cuts
from clbench_mtil.stream import find_source, joined
from clbench_mtil.variants import class_order

__all__ = ["build"]


def build(steps: str) -> Stream:
    """CIFAR100 in ``steps`` tasks of equally many classes.

    Raises:
        DataError: CIFAR100 cannot be read.
    """
    root = data_root()
    source = find_source(root)
    found = source("cifar100")
    splits = divide("cifar100", "zscl", lambda _: found, root)
    order = class_order()
    if len(splits.classes) != len(order):
        raise DataError(f"CIFAR100 has {len(splits.classes)} classes, not {len(order)}", fix="fetch it again")
    size = len(order) // int(steps)
    tasks = increments(
        splits.parts,
        # ZSCL's and MoE-Adapters' class-incremental code keeps torchvision's underscores ("aquarium_fish"),
        # which are tokens of their own; in the code of task streams they are blanks
        found.names,
        order,
        cuts(len(order), size, size),
        document("cifar100.toml")["template"],
        "cifar100",
    )
    meta: dict[str, object] = {"class_order": "icarl"}
    if not counts_checked():
        meta |= {"counts": "any", "notes": (ANY_COUNTS,)}
    meta = joined(meta, source.meta)
    return Stream(
        f"cifar100-{steps}", tasks, order="icarl", protocol="cil", meta=meta, origins=source.origins
    )
