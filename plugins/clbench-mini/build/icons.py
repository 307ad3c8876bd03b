"""Render every pre-training icon at 32x32: one resumable .npz a set (`rgba`, `name`)."""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from places import Places
from rendering import rendered
from sources import pretraining_sets

SIZE = 32


def render_set(icons: Path, prefix: str, node_dir: Path, target: Path) -> int:
    """Render one set and return how many icons of it are not blank."""
    if target.exists():
        return 0
    path = icons / "json" / f"{prefix}.json"
    names = sorted(json.loads(path.read_text())["icons"])
    pixels, kept = [], []
    for name, rgba in rendered(path, names, SIZE, node_dir):
        if int((rgba[..., 3] > 40).sum()) < 12:  # blank or a speck
            continue
        pixels.append(rgba)
        kept.append(name)
    if kept:
        part = target.with_suffix(".part.npz")
        np.savez(part, rgba=np.stack(pixels), name=np.array(kept))
        part.rename(target)
    return len(kept)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for intermediate data")
    arguments = parser.parse_args()
    icons = Places(arguments.work).icons
    target = arguments.work / "icons"
    target.mkdir(parents=True, exist_ok=True)

    def one(prefix: str) -> tuple[str, int]:
        return prefix, render_set(icons, prefix, arguments.work, target / f"{prefix}.npz")

    with ThreadPoolExecutor(2) as pool:
        for prefix, count in pool.map(one, pretraining_sets(icons)):
            print(f"{prefix}: {count}", flush=True)


if __name__ == "__main__":
    main()
