"""Which file of a data set is damaged, once something is wrong with it, and how it is mended."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from clbench_mtil.catalogue import DataSet

__all__ = ["damaged", "few_images", "gaps", "remedy"]

_MOST_NAMED = 3
_LISTS_OF_CLASSES = ("variants.txt", "ClassName.txt")


def damaged(entry: DataSet, root: Path) -> list[str]:
    """Lists, labels and arrays of a data set that are not whole: path and what is wrong, a line each.

    Folders of images are not looked into.
    """
    digests = _digests(entry.key)
    found = []
    for name in entry.files:
        path = entry.place(root, name)
        if not path.is_file():
            continue
        problem = _problem(path, digests.get(path.name, ""))
        if not problem and path.name in _LISTS_OF_CLASSES:
            lines, classes = len(path.read_text(encoding="utf-8").splitlines()), entry.classes["zscl"]
            problem = f"it has {lines:,} lines, not {classes:,}" if lines != classes else ""
        if problem:
            found.append(f"{path}: {problem}")
    named = " ".join(found)
    return found + [f"{p}: it ends within a line" for p in _open_ended(entry, root) if str(p) not in named]


def _open_ended(entry: DataSet, root: Path) -> list[Path]:
    """Lists whose last line is not ended, where that is not so of all of them."""
    lists = [
        path for name in entry.files if (path := entry.place(root, name)).suffix == ".txt" and path.is_file()
    ]
    found = [path for path in lists if not path.read_bytes().endswith(b"\n")]
    return found if len(found) < len(lists) else []


def remedy(entry: DataSet, root: Path) -> str:
    """What brings a damaged data set back."""
    folder = entry.home(root) if entry.homes else root / entry.files[0].partition("/")[0]
    if not entry.download_gb:
        return f"put {folder} together again; `clbench doctor mtil` says from where"
    # torchvision leaves alone what is there, damaged or not
    return f"move {folder} away, then: clbench prepare mtil --fetch --only {entry.key}"


def gaps(images: Path) -> list[str]:
    """Numbers that are left out among the file names of each class, a line a class.

    Files of a class are numbered from 1 on; those that are missing at the end leave no gap.
    """
    found = []
    for folder in sorted(path for path in images.glob("*") if path.is_dir()):
        names = {}
        for path in folder.glob("*.jpg"):
            if match := re.fullmatch(r"(.*_)(\d+)\.jpg", path.name):
                names[int(match[2])] = (match[1], len(match[2]) if match[2].startswith("0") else 0)
        absent = sorted(set(range(1, max(names, default=0))) - set(names))
        if absent:
            (stem, width) = names[min(names)]
            shown = ", ".join(f"{stem}{number:0{width}}.jpg" for number in absent[:_MOST_NAMED])
            more = f" and {len(absent) - _MOST_NAMED} more" if len(absent) > _MOST_NAMED else ""
            found.append(f"{folder.name} lacks {shown}{more}")
    return found[:_MOST_NAMED] + (
        [f"and {len(found) - _MOST_NAMED} more classes"] if found[_MOST_NAMED:] else []
    )


def few_images(images: Path, classes: Sequence[str], fewest: int) -> list[str]:
    """Classes that have fewer images than each has in the published data set; others lack too few to tell.

    ``classes`` are SUN397's, below a folder of their first letter.
    """
    counts = {name: len(list((images / name[0] / name.replace(" ", "_")).glob("*.jpg"))) for name in classes}
    few = [f"{name} has {count} images" for name, count in counts.items() if count < fewest]
    told = few[:_MOST_NAMED] + ([f"and {len(few) - _MOST_NAMED} more classes"] if few[_MOST_NAMED:] else [])
    return told or [f"each class has {fewest} images or more; which files are missing no list of SUN397 says"]


def _digests(key: str) -> dict[str, str]:
    """MD5 by file name, of those that torchvision checks."""
    from torchvision.datasets import CIFAR100, Flowers102

    if key == "cifar100":
        meta = {CIFAR100.meta["filename"]: CIFAR100.meta["md5"]}
        return dict((*CIFAR100.train_list, *CIFAR100.test_list)) | meta
    if key == "flowers":
        return {name: md5 for part, (name, md5) in Flowers102._file_dict.items() if part != "image"}
    return {}


def _problem(path: Path, md5: str) -> str:
    content = path.read_bytes()
    if not content:
        return "it is empty"
    if md5:
        found = hashlib.md5(content, usedforsecurity=False).hexdigest()
        return "" if found == md5 else f"its MD5 is {found[:12]}…, the published file's is {md5[:12]}…"
    checker = _CHECKERS.get(path.suffix, _of_idx if path.name.endswith("-ubyte") else None)
    try:
        return checker(content) if checker else ""
    except Exception as error:
        # whatever a parser makes of damaged bytes
        return f"{type(error).__name__}: {error}"


def _of_list(content: bytes) -> str:
    lines = [len(re.split(r"[\s/]+", line)) for line in content.decode("utf-8").splitlines() if line.strip()]
    return "its last line is cut" if len(lines) > 1 and lines[-1] < min(lines[:-1]) else ""


def _of_json(content: bytes) -> str:
    json.loads(content)
    return ""


def _of_matlab(content: bytes) -> str:
    from io import BytesIO

    from scipy.io import loadmat  # type: ignore[import-untyped]

    loadmat(BytesIO(content))
    return ""


def _of_idx(content: bytes) -> str:
    """MNIST's own format: two zeros, a type, the number of dimensions, each of them, the values."""
    if len(content) < 4 or content[:3] != b"\x00\x00\x08":
        return "it does not begin as an IDX file of bytes does"
    sizes = [int.from_bytes(content[4 * i : 4 * i + 4], "big") for i in range(1, content[3] + 1)]
    wanted = 4 + 4 * content[3] + math.prod(sizes)
    return "" if len(content) == wanted else f"it has {len(content):,} bytes, its head says {wanted:,}"


_CHECKERS: Mapping[str, Callable[[bytes], str]] = {".json": _of_json, ".mat": _of_matlab, ".txt": _of_list}
