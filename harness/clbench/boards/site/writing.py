"""A site on disk: written as a whole, over an earlier one, and over nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from clbench.errors import ConfigError
from clbench.results.atomic import atomic_write

__all__ = ["MANIFEST", "write_files"]

MANIFEST = "manifest.json"
"""Names every file of a site with its SHA-256; what it does not name is not the site's."""


def write_files(
    out: Path, pages: Mapping[str, bytes], copies: Iterable[tuple[str, Path]] = ()
) -> dict[str, int]:
    """Write ``pages`` and ``copies`` (path on the site, source) under ``out``; return sizes by path.

    Files of an earlier site that are not in this one are removed; others in the folder stay.

    Raises:
        ConfigError: a file that is no site's stands where one is to be written.
    """
    copied = dict(copies)
    paths = sorted({*pages, *copied, MANIFEST})
    earlier = _earlier(out)
    foreign = [path for path in paths if path not in earlier and (out / path).exists()]
    if foreign:
        raise ConfigError(
            f"{out} has files that are not of a site written by clbench",
            why=f"{', '.join(foreign[:3])} would be overwritten",
            fix="give another folder with --out, or move those files away",
        )
    # First what may be there if this process dies on the way, so that the next one can go on.
    _declare(out, dict.fromkeys(sorted(earlier | set(paths)), ""))
    sums, sizes = {}, {}
    for path in paths:
        if path == MANIFEST:
            continue
        body = pages[path] if path in pages else copied[path].read_bytes()
        sums[path], sizes[path] = hashlib.sha256(body).hexdigest(), len(body)
        _write(out / path, body)
    for path in sorted(earlier - set(paths)):
        _remove(out, path)
    return {**sizes, MANIFEST: _declare(out, sums)}


def _declare(out: Path, sums: Mapping[str, str]) -> int:
    manifest = json.dumps({"clbench": "site", "sha256": sums}, indent=1) + "\n"
    atomic_write(out / MANIFEST, manifest.encode())
    return len(manifest)


def _write(target: Path, body: bytes) -> None:
    if target.is_file() and target.read_bytes() == body:
        return  # what did not change keeps its time stamp, for tools that copy sites
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(body)


def _earlier(out: Path) -> set[str]:
    try:
        manifest = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
        if manifest["clbench"] != "site":
            return set()
        return {MANIFEST, *(str(path) for path in manifest["sha256"] if _inside(str(path)))}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _inside(path: str) -> bool:
    return not Path(path).is_absolute() and ".." not in Path(path).parts


def _remove(out: Path, path: str) -> None:
    target = out / path
    if target.is_file():
        target.unlink()
    for folder in target.parents:
        if folder == out or not folder.is_dir() or any(folder.iterdir()):
            break
        folder.rmdir()
