"""Print how well tasks are learned, one by one, after more and more steps: what decides a protocol's steps.

``independent`` fine-tunes the pre-trained model on each task by itself, so its Last is the mean of the
diagonal: what there is to forget. Runs are kept under --out; the same command goes on and repeats nothing.

    python curve.py --out W/curve --steps 40,100,200,400 --batch 32,16 --lr 3e-4
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
from pathlib import Path

from clbench.results import load_records


def run(out: Path, steps: int, batch: int, lr: str, order: str) -> Path:
    """One run, its warm-up a tenth of its steps; where its record is."""
    folder = out / f"{steps}-{batch}-{lr}"
    settings = {"iterations": steps, "warmup": max(1, steps // 10), "batch_size": batch, "lr": lr}
    words = [word for key, value in settings.items() for word in ("--set", f"independent.{key}={value}")]
    command = [sys.executable, "-m", "clbench", "run", "--plain", "--methods", "independent"]
    subprocess.run(
        [*command, "--stream", "mini", "--order", order, "--out", str(folder), *words],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", default="40,100,200,400")
    parser.add_argument("--batch", default="32,16")
    parser.add_argument("--lr", default="3e-4")
    parser.add_argument("--order", default="I")
    options = parser.parse_args()
    print(f"{'steps':>6} {'batch':>6} {'lr':>6} {'images':>7}   Last  seconds")
    for batch, lr, steps in itertools.product(
        options.batch.split(","), options.lr.split(","), options.steps.split(",")
    ):
        folder = run(options.out, int(steps), int(batch), lr, options.order)
        [record] = [r for r in load_records([folder]).records if r.method.name == "independent"]
        assert record.metrics is not None
        images = (int(steps) + 1) * int(batch)
        seconds = sum(record.resources.learn_seconds)
        print(
            f"{steps:>6} {batch:>6} {lr:>6} {images:>7,}  {record.metrics.last:5.1f}  {seconds:7.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
