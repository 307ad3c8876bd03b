"""Print what published accuracy matrices give under other definitions of the metrics."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
from clbench.definitions import METRICS, RIVALS
from clbench.specs import load_reference
from tabulate import tabulate

MATRICES = Path(__file__).resolve().parents[2] / "leaderboards/published/matrices"
SHOWN = (
    "transfer",
    "transfer-rows",
    "transfer-pooled",
    "average",
    "average-seen",
    "average-seen-images",
    "average-seen-pooled",
    "last",
    "last-images",
)
# Test images of the torchvision splits of MTIL, in order I.
IMAGES = (3333, 1736, 10000, 1880, 5400, 6149, 25250, 10000, 3669, 8041, 21751)


def table() -> str:
    """Return the figures of every published matrix, a Markdown table."""
    specs = {spec.name: spec for spec in (*METRICS, *RIVALS)}
    rows = []
    with (MATRICES / "index.csv").open(encoding="utf-8") as file:
        for entry in csv.DictReader(file):
            matrix = pd.read_csv(MATRICES / entry["file"], index_col=0)
            figures = []
            for name in SHOWN:
                given = {"test_images": IMAGES} if specs[name].needs else {}
                figures.append(f"{load_reference(specs[name].factory)(matrix, **given):.1f}")
            rows.append([entry["method"].replace("*", r"\*"), *figures])
    headers = ["method", *SHOWN]
    return tabulate(rows, headers, "pipe", colalign=("left", *["right"] * len(SHOWN)), disable_numparse=True)


if __name__ == "__main__":
    print(table())
