"""What a process for each run costs, and what two runs at once gain: python tests/benchmarks/process_cost.py

Runs the same methods on the same stream in this process (--in-process), each in a process of its own, and two
at once with half of the threads each, in turns, and prints seconds and ratios. The figures of all forms must
be equal to the bit, or it says which are not.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from clbench.config import Options, resolve
from clbench.plugins import get_registry
from clbench.results import read_record
from clbench.results.provenance import cpu_threads
from clbench.runs import execute


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--methods", default="zscl,gift")
    parser.add_argument("--stream", default="mini")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="METHOD.KEY=VALUE")
    chosen = parser.parse_args()
    registry = get_registry()
    wishes = {"methods": chosen.methods, "stream": chosen.stream, "set": chosen.set, "device": "cpu"}
    configs = resolve(registry, Options.read(wishes, "the command line"))
    forms = {
        "in this process": {"in_process": True},
        "a process each": {"in_process": False},
        "two at once": {"in_process": False, "jobs": 2},
    }
    seconds: dict[str, list[float]] = {form: [] for form in forms}
    matrices = {}
    for _ in range(chosen.repeat):
        for form, how in forms.items():
            with tempfile.TemporaryDirectory() as out:
                start = time.perf_counter()
                outcomes = execute(registry, configs, out=Path(out), **how)
                seconds[form].append(time.perf_counter() - start)
                for outcome in outcomes:
                    record = read_record(outcome.path)
                    matrices[form, record.method.name, record.provenance.threads] = record.matrices
    print(f"{chosen.methods} on {chosen.stream}, {cpu_threads()} threads, median of {chosen.repeat}")
    base = statistics.median(seconds["in this process"])
    for form, those in seconds.items():
        value = statistics.median(those)
        print(f"{form:<16} {value:8.1f} s   {value / base:.2f} × in this process")
    more = (statistics.median(seconds["a process each"]) - base) / len(configs)
    print(f"a process adds {more:.2f} s to a run")
    names = {name for _, name, _ in matrices}
    for name in sorted(names):
        those = {(form, threads): m for (form, n, threads), m in matrices.items() if n == name}
        equal = len({repr(matrix) for matrix in those.values()}) == 1
        print(f"{name}: {'all forms give the same figures' if equal else f'figures differ: {list(those)}'}")


if __name__ == "__main__":
    main()
