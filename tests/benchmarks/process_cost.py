"""What a process for each run costs, and what two runs at once gain: python tests/benchmarks/process_cost.py

Three measurements, each with a warm-up that is not counted (it fills the caches of decoded pixels and of
generated images) and the median of several repeats in which the forms alternate:

* runs of few steps, in this process and each in a process of its own: what a process adds to a run;
* the same as whole commands, with everything that a command loads;
* whole runs, one after another with all threads, and two at once with half of the threads each.

The figures of all forms must be equal to the bit, or it says which are not. Let nothing else run meanwhile.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from clbench.config import Options, RunConfig, resolve
from clbench.plugins import get_registry
from clbench.results import read_record
from clbench.results.provenance import cpu_threads
from clbench.runs import execute

_PARTS = ("runs", "commands", "pair")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--methods", default="zscl,gift")
    parser.add_argument("--stream", default="mini")
    parser.add_argument("--steps", type=int, default=5, help="of a task, in runs of few steps")
    parser.add_argument("--repeat", type=int, default=5, help="of runs of few steps")
    parser.add_argument("--pairs", type=int, default=2, help="repeats of whole runs")
    parser.add_argument("--only", choices=_PARTS, action="append", help="measure this alone (repeatable)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="METHOD.KEY=VALUE", help="in whole runs"
    )
    chosen = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"{chosen.methods} on {chosen.stream}; {cpu_threads()} threads; load before the start {load:.1f}")
    if "OMP_NUM_THREADS" in os.environ:
        print(f"OMP_NUM_THREADS is {os.environ['OMP_NUM_THREADS']}: unset it to let runs use all threads")
    parts = chosen.only or _PARTS
    short = [word for name in chosen.methods.split(",") for word in _few_steps(name, chosen.steps)]
    if "runs" in parts:
        _runs(chosen, short)
    if "commands" in parts:
        _commands(chosen, short)
    if "pair" in parts:
        _pair(chosen)


def _few_steps(method: str, steps: int) -> list[str]:
    return [f"{method}.iterations={steps}", f"{method}.warmup=1"]


def _runs(chosen: argparse.Namespace, short: Sequence[str]) -> None:
    configs = _planned(chosen, short)
    forms = {
        "in this process": lambda: _executed(configs, in_process=True),
        "a process each": lambda: _executed(configs, in_process=False),
    }
    seconds = _alternating(forms, chosen.repeat)
    added = (seconds["a process each"] - seconds["in this process"]) / len(configs)
    print(f"a process adds {added:.2f} s to a run (the server that starts it runs already)")


def _commands(chosen: argparse.Namespace, short: Sequence[str]) -> None:
    def command(*words: str) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as out:
            sets = [part for each in short for part in ("--set", each)]
            start = "from clbench.cli import main; main(prog_name='clbench')"
            given = ("--methods", chosen.methods, "--stream", chosen.stream, "--device", "cpu", "--out", out)
            subprocess.run(
                [sys.executable, "-c", start, "run", *given, *sets, *words],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            return {record.method.name: record.matrices for record in map(read_record, _records(Path(out)))}

    forms = {
        "clbench run --in-process": lambda: command("--in-process"),
        "clbench run": command,
    }
    seconds = _alternating(forms, chosen.repeat)
    added = seconds["clbench run"] - seconds["clbench run --in-process"]
    count = len(chosen.methods.split(","))
    print(f"processes add {added:.2f} s to a command of {count} runs, {added / count:.2f} s a run")


def _pair(chosen: argparse.Namespace) -> None:
    configs = _planned(chosen, chosen.set)
    forms = {
        "one after another": lambda: _executed(configs, in_process=False),
        "two at once": lambda: _executed(configs, in_process=False, jobs=2),
    }
    seconds = _alternating(
        forms, chosen.pairs, warm_up=lambda: _executed(_planned(chosen, _short_of(chosen)))
    )
    ratio = seconds["two at once"] / seconds["one after another"]
    print(f"two at once with half of the threads each take {ratio:.2f} × one after another with all")


def _short_of(chosen: argparse.Namespace) -> list[str]:
    return [*chosen.set, *(word for name in chosen.methods.split(",") for word in _few_steps(name, 1))]


def _planned(chosen: argparse.Namespace, values: Sequence[str]) -> Sequence[RunConfig]:
    wishes = {"methods": chosen.methods, "stream": chosen.stream, "set": list(values), "device": "cpu"}
    return resolve(get_registry(), Options.read(wishes, "the command line"))


def _executed(configs: Sequence[RunConfig], **how: Any) -> dict[str, Any]:
    """The matrices of the methods."""
    with tempfile.TemporaryDirectory() as out:
        outcomes = execute(get_registry(), configs, out=Path(out), **how)
        failed = [outcome.reason for outcome in outcomes if outcome.status != "finished"]
        if failed:
            raise SystemExit("\n".join(failed))
        return {record.method.name: record.matrices for record in map(read_record, _records(Path(out)))}


def _records(out: Path) -> list[Path]:
    return sorted(out.glob("*/*/record.json"))


def _alternating(
    forms: Mapping[str, Callable[[], dict[str, Any]]],
    repeats: int,
    warm_up: Callable[[], object] | None = None,
) -> dict[str, float]:
    """Median seconds by form; the forms take turns, so that what slows the machine down slows all."""
    if warm_up is not None:
        warm_up()
    found: dict[str, list[float]] = {form: [] for form in forms}
    figures: dict[str, dict[str, Any]] = {}
    for number in range(-1 if warm_up is None else 0, repeats):
        for form, run in forms.items():
            began = time.perf_counter()
            figures[form] = run()
            if number >= 0:
                found[form].append(time.perf_counter() - began)
    for form, those in found.items():
        each = ", ".join(f"{value:.1f}" for value in those)
        print(f"  {form:<26} {statistics.median(those):8.2f} s   ({each})")
    first = next(iter(figures.values()))
    different = sorted({name for each in figures.values() for name in first if each[name] != first[name]})
    print(f"  figures: {'equal in all forms' if not different else f'of {different} differ'}", flush=True)
    return {form: statistics.median(those) for form, those in found.items()}


if __name__ == "__main__":
    main()
