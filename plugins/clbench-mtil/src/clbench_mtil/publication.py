"""Holds a data set against what was published of it: numbers of classes and images, and class names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from clbench.errors import DataError

from clbench_mtil.catalogue import DataSet, Protocol, class_names, official_names
from clbench_mtil.integrity import damaged, few_images, gaps, remedy
from clbench_mtil.samples import Splits

__all__ = ["SUN397_FEWEST", "check_published"]

SUN397_FEWEST = 100
"""Images that each class of SUN397 has at least."""

# CoOp has names of its own for classes of these.
_RENAMED = ("caltech101", "eurosat", "flowers")


def check_published(entry: DataSet, protocol: Protocol, splits: Splits, root: Path) -> None:
    """Refuse what is not the published data set, and name what is missing of it, as far as that can be told.

    Raises:
        DataError: numbers or names are others.
    """
    wanted = {"classes": entry.classes[protocol], **entry.sizes[protocol]}
    found = {"classes": len(splits.classes), **{s: len(part) for s, part in splits.parts.items()}}
    wrong = [f"{name}: {found[name]:,}, not {n:,}" for name, n in wanted.items() if found[name] != n]
    wrong += _other_names(entry, protocol, splits)
    if not wrong:
        return
    if protocol == "zscl" and entry.key in ("caltech101", "eurosat"):
        own = class_names(entry.key)
        assert isinstance(own, Mapping)
        absent = [folder for folder, name in own.items() if name not in splits.classes]
        if absent:
            wrong.append(f"no folder {', '.join(absent[:3])}{' …' if absent[3:] else ''}")
        wrong += gaps(entry.place(root, entry.files[0]))
    elif protocol == "zscl" and entry.key == "sun397":
        wrong += few_images(entry.place(root, entry.files[0]), splits.classes, SUN397_FEWEST)
    place = entry.place(root, entry.files[0])
    if place.exists():
        wrong += damaged(entry, root) or [f"counted in {place}"]
    raise DataError(
        f"{entry.title} is not the published one in protocol {protocol}",
        why="; ".join(wrong),
        fix=f"{remedy(entry, root)}; or try out with what there is: CLBENCH_MTIL_COUNTS=any",
    )


def _other_names(entry: DataSet, protocol: Protocol, splits: Splits) -> list[str]:
    """Class names that are not the published ones."""
    if protocol == "zscl" and entry.key in ("caltech101", "eurosat", "flowers"):
        return []  # from a list of this package
    known = official_names(entry.key)
    if len(known) != len(splits.classes) or (protocol == "coop" and entry.key in _RENAMED):
        return []  # the count says it, or CoOp has names of its own
    if protocol == "coop":  # as far as words tell, and in any order
        unlike = set(map(_words, splits.classes)) - set(map(_words, known))
        shown = [repr(name) for name in splits.classes if _words(name) in unlike]
    else:
        pairs = zip(known, splits.classes, strict=True)
        shown = [f"{given!r}, not {name!r}" for name, given in pairs if given != name.replace("_", " ")]
    if not shown:
        return []
    return [f"{len(shown)} class names are others: {', '.join(shown[:3])}{' …' if shown[3:] else ''}"]


def _words(name: str) -> tuple[str, ...]:
    """The words of a name, sorted: CoOp puts the year of a car first, and turns SUN397's around."""
    return tuple(sorted(re.findall(r"[a-z0-9]+", name.casefold())))
