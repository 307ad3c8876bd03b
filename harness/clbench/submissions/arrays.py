"""Read a foreign ``.npz`` only after its headers were looked at: no object, no array larger than its file."""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections.abc import Mapping

import numpy as np

from clbench.results.predictions import DAMAGE

__all__ = ["check_arrays"]

_NAMES = re.compile(r"(tasks|images|truth|groups|(rows|answers)\|(task|seen|union|held-out))\.npy")
_KINDS: Mapping[str, str] = {
    "tasks": "U",
    **dict.fromkeys(("images", "truth", "groups", "rows", "answers"), "iu"),
}
_LARGEST = 1 << 30


def check_arrays(content: bytes) -> list[str]:
    """Return what is wrong with a file of predictions that must not be opened otherwise; no array is read."""
    problems: list[str] = []
    total = 0
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            names = [entry.filename for entry in entries]
            for entry in entries:
                match = _NAMES.fullmatch(entry.filename)
                total += entry.file_size
                if match is None:
                    problems.append(f"it has a member {entry.filename!r}, which no file of predictions has")
                elif names.count(entry.filename) > 1:
                    problems.append(f"it has {entry.filename} twice")
                elif entry.file_size > _LARGEST or total > _LARGEST:
                    problems.append(f"it unpacks to more than {_LARGEST:,} bytes")
                    break
                else:
                    kind = match[1].partition("|")[0]
                    with archive.open(entry) as member:
                        problems += _header_problems(member, entry, _KINDS[kind])
            for name in ("tasks", "images", "truth"):
                if f"{name}.npy" not in names:
                    problems.append(f"it lacks {name}")
    except DAMAGE as error:
        problems.append(f"it is damaged: {str(error) or type(error).__name__}")
    return list(dict.fromkeys(problems))


def _header_problems(member: object, entry: zipfile.ZipInfo, kinds: str) -> list[str]:
    """Shape and type as the header has them, which is read with a bound and never evaluated as code."""
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    version = np.lib.format.read_magic(member)  # type: ignore[arg-type]
    if version not in readers:
        return [f"{entry.filename} is of a version {version} of NumPy's format that is not used here"]
    shape, _, dtype = readers[version](member)  # type: ignore[arg-type]
    if dtype.hasobject or dtype.kind not in kinds:
        return [f"{entry.filename} holds {dtype}, which no file of predictions does"]
    if math.prod(shape) * dtype.itemsize > entry.file_size or any(side < 0 for side in shape):
        return [f"{entry.filename} says that it is larger than it is: shape {shape}"]
    return []
