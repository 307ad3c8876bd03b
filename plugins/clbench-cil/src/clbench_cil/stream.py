"""Builds the streams: reads a data set, checks it, and divides it into tasks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from clbench.errors import ClbenchError, DataError, UnknownNameError
from clbench.streams import Stream, Task, data_root, order_keys, shared_classes
from clbench_mtil.circumstances import ANY_COUNTS
from clbench_mtil.increments import increments
from clbench_mtil.samples import Collection, image_set

from clbench_cil import folder, hub
from clbench_cil.catalogue import (
    DOMAINS,
    IMAGENET_TEST,
    IMAGENET_TRAIN,
    TEMPLATES,
    TITLES,
    counts_checked,
    domain_classes,
    domain_sizes,
    imagenet_order,
    imagenet_wnids,
    names_by_wnid,
    tiny_order,
)
from clbench_cil.layouts import Key
from clbench_cil.variants import VARIANTS, ClassIncremental

__all__ = ["build_domainnet", "build_increments", "class_order", "read_classes", "read_domain"]

_FEWEST, _MOST = 732, 1300
_CLASSES = "order of classes (CLBENCH_CIL_CLASSES)"
_RANDOM = "set it to random- and a whole number"
_DOCTOR = "see `clbench doctor cil`"


def build_increments(name: str) -> Stream:
    """Open a class-incremental stream.

    Raises:
        DataError: its data cannot be used.
    """
    variant = VARIANTS[name]
    called, order = class_order(variant)
    found = read_classes(variant, data_root())
    tasks = increments(
        found.parts,
        [names_by_wnid()[wnid] for wnid in found.names],
        order,
        variant.tasks,
        TEMPLATES[variant.key],
        variant.key,
    )
    return Stream(
        name,
        tasks,
        variant.order,
        "cil",
        {"class_order": called, **_meta(found)},
        origins={task.key: found.origin for task in tasks} if found.origin else {},
    )


def class_order(variant: ClassIncremental) -> tuple[str, tuple[int, ...]]:
    """Name of the order of classes, and the labels in it.

    The published one, unless ``CLBENCH_CIL_CLASSES=random-SEED`` asks for another: then which classes a task
    has differs, too, where an order of tasks (``--order random-SEED``) leaves that as it is.

    Raises:
        UnknownNameError: the variable is something else.
    """
    given = os.environ.get("CLBENCH_CIL_CLASSES", "published")
    if given == "published":
        if variant.key == "tinyimagenet":
            return variant.order, tiny_order()
        return variant.order, imagenet_order(variant.classes)
    labels = [str(label) for label in range(variant.classes)]
    if not (given.startswith("random-") and given.removeprefix("random-").isdigit()):
        raise UnknownNameError(_CLASSES, given, ("published", "random-0"), fix=f"unset it, or {_RANDOM}")
    shuffled = order_keys(given, labels, {}, stream=variant.name)
    return given, tuple(int(label) for label in shuffled)


def read_classes(variant: ClassIncremental, root: Path) -> Collection:
    """The data set of a class-incremental stream, checked.

    Raises:
        DataError: it cannot be read, or is not as large as published.
    """
    from_hub = hub.source_name() != "folder"
    if variant.key == "tinyimagenet":
        found = hub.read_tinyimagenet() if from_hub else folder.read_tinyimagenet(root)
        _check("tinyimagenet", found, {"train": 100_000, "test": 10_000})
        return found
    wnids = imagenet_wnids()[: variant.classes]
    found = hub.read_imagenet(wnids) if from_hub else folder.read_imagenet(root, wnids)
    whole = variant.classes == len(imagenet_wnids())
    _check("imagenet", found, {"train": IMAGENET_TRAIN, "test": IMAGENET_TEST} if whole else {})
    return found


def build_domainnet() -> Stream:
    """Open domain-incremental DomainNet. All its classes are shared: a class is one in all domains.

    Raises:
        DataError: some domains cannot be used; names all of them.
    """
    root = data_root()
    tasks: list[Task] = []
    meta: dict[str, object] = {}
    origins: dict[str, str] = {}
    problems: list[ClbenchError] = []
    for domain in DOMAINS:
        try:
            found = read_domain(domain, root)
        except DataError as error:
            problems.append(error)
        else:
            tasks.append(_domain_task(domain, found))
            meta |= _meta(found)
            origins |= {domain: found.origin} if found.origin else {}
    if len({problem.what for problem in problems}) == 1:
        raise problems[0]
    if problems:
        raise DataError(
            f"{len(problems)} of the {len(DOMAINS)} domains of DomainNet cannot be used",
            why="".join(f"\n  - {problem.what}: {problem.why}" for problem in problems),
            fix=problems[0].fix if len({problem.fix for problem in problems}) == 1 else _DOCTOR,
        )
    return Stream("domainnet", tuple(tasks), "s-prompts", "dil", meta, shared_classes(tasks), origins)


def read_domain(domain: str, root: Path) -> Collection:
    """A domain of DomainNet, checked.

    Raises:
        DataError: it cannot be read, or is not as large as published.
    """
    from_hub = hub.source_name() != "folder"
    found = hub.read_domain(domain) if from_hub else folder.read_domain(domain, root)
    _check("domainnet", found, domain_sizes(domain), domain)
    return found


def _domain_task(domain: str, found: Collection) -> Task:
    names = tuple(name.replace("_", " ") for name in domain_classes())
    sets = {
        part: image_set(samples, names, "RGB", f"domainnet/{domain}/{part}")
        for part, samples in found.parts.items()
    }
    return Task(domain, domain.capitalize(), names, (TEMPLATES["domainnet"],), sets["train"], sets["test"])


def _check(key: Key, found: Collection, wanted: Mapping[str, int], domain: str = "") -> None:
    """Compare numbers of images with the published ones; of ImageNet, those of each class, too."""
    if not counts_checked():
        return
    counts = {part: len(samples) for part, samples in found.parts.items()}
    wrong = [f"{part}: {counts[part]:,}, not {n:,}" for part, n in wanted.items() if counts[part] != n]
    if key != "domainnet":
        low, high = (500, 500) if key == "tinyimagenet" else (_FEWEST, _MOST)
        wrong += _odd_classes(found, "train", low, high)
        wrong += _odd_classes(found, "test", 50, 50)
    if wrong:
        raise DataError(
            f"{TITLES[key]}{f', {domain},' if domain else ''} is not the published one",
            why="; ".join(wrong),
            fix="fetch it again, or try out with what there is: CLBENCH_CIL_COUNTS=any",
        )


def _odd_classes(found: Collection, part: str, low: int, high: int) -> list[str]:
    counts = [0] * len(found.names)
    for label in found.parts[part].labels:
        counts[label] += 1
    odd = [(wnid, n) for wnid, n in zip(found.names, counts, strict=True) if not low <= n <= high]
    if not odd:
        return []
    due = f"{low}" if low == high else f"{low} to {high}"
    named = ", ".join(f"{wnid} has {n}" for wnid, n in odd[:3])
    more = f" and {len(odd) - 3} more" if len(odd) > 3 else ""
    return [f"{part}, {due} images of each class: {named}{more}"]


def _meta(found: Collection) -> dict[str, object]:
    meta: dict[str, object] = {}
    if not counts_checked():
        meta |= {"counts": "any", "notes": (ANY_COUNTS,)}
    if hub.source_name() == "hub-any":
        meta["source"] = found.origin
    return meta
