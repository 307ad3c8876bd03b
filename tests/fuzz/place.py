"""The folders a campaign plays in: good inputs to spoil, and a folder that each input has for itself."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from clbench.submissions import pack
from PIL import Image

ROOT = Path(__file__).parents[2]
RECORDS = ROOT / "leaderboards" / "mini" / "records"
RUNS = ("gift-seed0", "zscl-seed0", "zscl-seed1")


class Place:
    """Attributes:
    here: where the command stands; emptied before each input.
    runs, archive, images: good inputs, which nothing may change.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.here = root / "here"
        self.runs = root / "kept" / "runs"
        self.archives = root / "kept" / "archives"
        self.images = root / "kept" / "images"
        self.kept = (root / "kept", root / "home")
        self._document: dict[str, Any] = {}

    def prepare(self) -> None:
        for folder in (self.here, self.root / "home", self.root / "cache", self.archives):
            folder.mkdir(parents=True, exist_ok=True)
        for name in RUNS:
            shutil.copytree(RECORDS / "I" / name, self.runs / name, dirs_exist_ok=True)
            pack(self.runs / name).write(self.archives)
        pixels = np.random.default_rng(0)
        for task in "ab":
            for split in ("train", "test"):
                for name in (f"p_{task}", f"q_{task}"):
                    folder = self.images / task / split / name
                    folder.mkdir(parents=True, exist_ok=True)
                    for number in range(2):
                        noise = pixels.integers(0, 255, (8, 8, 3), dtype=np.uint8)
                        Image.fromarray(noise).save(folder / f"{number}.png")

    def document(self, run: str = RUNS[0]) -> dict[str, Any]:
        """A good record."""
        if run not in self._document:
            self._document[run] = json.loads((self.runs / run / "record.json").read_text(encoding="utf-8"))
        found: dict[str, Any] = self._document[run]
        return found

    def stream(self) -> dict[str, Any]:
        """A good description of a stream."""
        tasks = [
            {"key": t, "train": f"{self.images}/{t}/train", "test": f"{self.images}/{t}/test"} for t in "ab"
        ]
        return {"name": "fuzzed", "backbone": "mini-clip", "templates": ["a {}."], "tasks": tasks}

    def clear(self) -> None:
        """Empty the folder of the input."""
        os.chdir(self.root)
        shutil.rmtree(self.here, ignore_errors=True)
        self.here.mkdir(exist_ok=True)

    def restore(self) -> None:
        """Bring the good inputs back."""
        for folder in self.kept:
            shutil.rmtree(folder, ignore_errors=True)
        self.prepare()


@contextmanager
def prepared(root: Path) -> Iterator[Place]:
    """A place under ``root``, with home and cache in it while it is used."""
    given = {
        "HOME": str(root / "home"),
        "CLBENCH_CACHE": str(root / "cache"),
        "CLBENCH_DATA": str(root / "data"),
        "MPLCONFIGDIR": str(root / "matplotlib"),  # else it remembers fonts in the home folder
    }
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    place = Place(root)
    place.prepare()
    try:
        yield place
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
