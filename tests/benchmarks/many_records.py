"""Print how long it takes to read 10,000 records of eleven tasks, and to tabulate them and their claims."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from clbench.boards import FORMATS, board_of, render
from clbench.boards.claims.tables import render_claims
from clbench.boards.claims.verdicts import compare
from clbench.boards.layouts.byname import LAYOUTS
from clbench.boards.layouts.rendering import encode
from clbench.boards.layouts.views import Options
from clbench.plugins import get_registry
from clbench.results import RECORD_FILE, load_records
from clbench.results.claims import load_claims
from clbench.testing.records import make_record

COUNT, TASKS, SEEDS = 10_000, 11, 10
ORDERS, BACKBONES = ("I", "II"), ("ViT-B-16.openai", "ViT-B-32.openai")


def main() -> None:
    """Write, read and tabulate; the methods are those installed, each with several settings."""
    methods = sorted(get_registry().methods)
    chance = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        for number in range(COUNT):
            rest, seed = divmod(number, SEEDS)
            rest, order = divmod(rest, len(ORDERS))
            rest, backbone = divmod(rest, len(BACKBONES))
            variant, method = divmod(rest, len(methods))
            record = make_record(
                chance.uniform(40, 90, (TASKS, TASKS)).tolist(),
                method=methods[method],
                seed=seed,
                stream="mtil",
                order=ORDERS[order],
                backbone=BACKBONES[backbone],
                settings={"lr": 0.1 * (1 + variant)},
                sources={"lr": "user" if variant else "default"},
            )
            stream = record.stream.model_copy(update={"protocol": "zscl"})
            file = out / f"{number:05}" / RECORD_FILE
            file.parent.mkdir()
            # Not write_record(): it waits for the disk each time.
            file.write_text(record.model_copy(update={"stream": stream}).model_dump_json(indent=1))
        with timed(f"read {COUNT:,} records"):
            records = load_records([out]).records
        assert len(records) == COUNT
        with timed("leaderboard, text"):
            board = board_of(records)
            render(board, "text")
        for name in FORMATS:
            with timed(f"{name} of the board"):
                encode(board, name)
        for name in LAYOUTS:
            with timed(f"layout {name} of the board, text"):
                render(board, "text", layout=name)
        with timed("all columns, csv"):
            render(board, "csv", options=Options(columns=("all",)))
        rows = len(board.frame)
        with timed("claims, text"):
            claims = load_claims(found.spec for found in get_registry().methods.values())
            verdicts = compare([c for each in claims.claims.values() for c in each], records)
            render_claims(verdicts)
    print(f"{rows} rows in {len(board.tables)} tables, {len(verdicts.comparisons)} verdicts")


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print the seconds that the block takes, and those of the processor, which others do not lengthen."""
    began, worked = time.perf_counter(), time.process_time()
    yield
    print(f"{what}: {time.perf_counter() - began:.2f} s ({time.process_time() - worked:.2f} s of work)")


if __name__ == "__main__":
    main()
