"""Print how well one task is learned at several learning rates: how the values tuned for mini were chosen.

A fifth of each task's training images is held out; the method learns the rest from the initial weights and
is tested on what was held out, within the task's classes. Test images and other tasks are never looked at,
so no relation between methods, and no forgetting, can be tuned for.

    python rates.py finetune lr 1e-4 3e-4 1e-3
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from clbench.config import Options, resolve
from clbench.plugins import get_registry
from clbench.runs.evaluation import Evaluation, evaluate
from clbench.runs.workbench import Bench, Workbench
from clbench.streams import ImageSet, Stream, Task

TASKS = ("digits", "nature", "flags", "objects")


def held_out(task: Task, seed: int = 0) -> Task:
    """The task with a fifth of its training images as its test images."""
    order = np.random.default_rng(seed).permutation(len(task.train))
    cut = len(order) // 5
    parts = [task.train.dataset.select(sorted(part.tolist())) for part in (order[cut:], order[:cut])]
    train, test = (ImageSet(part, name=f"{task.key}/held-out") for part in parts)
    return replace(task, train=train, test=test)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("method")
    parser.add_argument("setting")
    parser.add_argument("values", nargs="+")
    parser.add_argument("--set", action="append", default=[], help="further settings, NAME=VALUE")
    arguments = parser.parse_args()
    registry = get_registry()
    workbench = Workbench(registry)
    print(f"{'value':>10}  " + "  ".join(f"{key:>8}" for key in TASKS) + "      mean   s/task")
    for value in arguments.values:
        assignments = [f"{arguments.method}.{a}" for a in [f"{arguments.setting}={value}", *arguments.set]]
        options = Options.read({"methods": arguments.method, "stream": "mini", "set": assignments}, "here")
        [config] = resolve(registry, options)
        found, started = [], time.perf_counter()
        for key in TASKS:
            stream: Stream = workbench.stream(config.stream, config.order)
            bench = Bench(workbench, config, Path(tempfile.mkdtemp()), stream.keys)
            task = held_out(next(t for t in stream.tasks if t.key == key))
            others = tuple(t for t in stream.tasks if t.key != key)
            alone = replace(stream, tasks=(task, *others))
            context = bench.context(lambda *_: None)
            method = bench.build(context)
            context.begin(f"0:{key}")
            method.learn(task.for_training(0))
            evaluation = evaluate(
                method,
                alone,
                bench.initial.preprocessing,
                wide=False,
                batch=config.eval_batch,
                device=bench.device,
                only=[0],
            )
            found.append(_accuracy(evaluation, task))
        seconds = (time.perf_counter() - started) / len(TASKS)
        print(
            f"{value:>10}  "
            + "  ".join(f"{a:8.1f}" for a in found)
            + f"  {np.mean(found):8.2f}  {seconds:7.1f}",
            flush=True,
        )


def _accuracy(evaluation: Evaluation, task: Task) -> float:
    answers = evaluation.answers[task.key]
    return 100.0 * float((answers.own == task.test.labels).mean())


if __name__ == "__main__":
    main()
