"""Where the package's data lie. Nothing heavy is imported here."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["BACKBONE", "DATA", "GENERATOR", "REFERENCE", "catalogue", "class_names", "task_file"]

DATA = Path(__file__).with_name("data")
BACKBONE = DATA / "mini-clip"
GENERATOR = DATA / "mini-diffusion"
REFERENCE = DATA / "reference.parquet"


@cache
def catalogue() -> dict[str, Any]:
    """Tasks (key, title, classes, train, test, groups, templates), orders, sources, licences, and counts."""
    found: dict[str, Any] = json.loads((DATA / "stream.json").read_text(encoding="utf-8"))
    return found


def class_names() -> tuple[str, ...]:
    """Names of things that are in no task, most frequent in the pre-training captions first."""
    return tuple((DATA / "class_pool.txt").read_text(encoding="utf-8").split("\n"))


def task_file(key: str, split: str) -> Path:
    """The Parquet file of one task and split (``train`` or ``test``)."""
    return DATA / "tasks" / f"{key}-{split}.parquet"
