"""Class-incremental CIFAR100: the classes of one data set, a few per task."""

from __future__ import annotations

from clbench.errors import DataError
from clbench.streams import Stream, Task, data_root

from clbench_mtil.catalogue import counts_checked, data_set, document
from clbench_mtil.protocols import divide
from clbench_mtil.samples import Samples, image_set
from clbench_mtil.stream import find_source
from clbench_mtil.variants import class_order

__all__ = ["build"]


def build(steps: str) -> Stream:
    """CIFAR100 in ``steps`` tasks of equally many classes.

    Raises:
        DataError: CIFAR100 cannot be read.
    """
    root, entry = data_root(), data_set("cifar100")
    source = find_source(root)
    splits = divide("cifar100", "zscl", source, root)
    order = class_order()
    if len(splits.classes) != len(order):
        raise DataError(f"CIFAR100 has {len(splits.classes)} classes, not {len(order)}", fix="fetch it again")
    size = len(order) // int(steps)
    template = document("cifar100.toml")["template"]
    tasks = []
    for start in range(0, len(order), size):
        chosen = order[start : start + size]
        names = tuple(splits.classes[c] for c in chosen)
        key = f"step-{start // size + 1:02}"
        sets = {
            part: image_set(_of_classes(samples, chosen), names, entry.mode, f"cifar100/{key}/{part}")
            for part, samples in splits.parts.items()
        }
        title = f"classes {start + 1}–{start + size}"
        tasks.append(Task(key, title, names, (template,), sets["train"], sets["test"]))
    meta: dict[str, object] = {"class_order": "icarl"}
    if not counts_checked():
        meta["counts"] = "any"
    return Stream(
        f"cifar100-{steps}", tuple(tasks), order="icarl", protocol="cil", meta=meta, origins=source.origins
    )


def _of_classes(samples: Samples, classes: tuple[int, ...]) -> Samples:
    """The samples of ``classes``, labelled by their place in it."""
    place = {c: i for i, c in enumerate(classes)}
    chosen = [i for i, label in enumerate(samples.labels) if label in place]
    found = samples.take(chosen)
    return found.relabelled([place[label] for label in found.labels])
