"""Kill processes of a run at random moments, go on, and compare: ``python kills.py --kills 200``.

Each command is started, and one of its processes (supervisor, worker or fork server) gets SIGKILL at a moment
that is drawn from the life of an undisturbed one:

* loading: from its first word in the run's folder until there is a worker;
* working: while there is a worker, which decodes, tests, learns with a checkpoint every other step;
* writing: right when one of its files begins to be written, counted from its beginning;
* closing: when the worker has ended, and predictions, record, figures and tables are made.

The same command again goes on. A run that has survived its kills is compared with the undisturbed one, and
another one begins. Two runs are at work at once, each with a cache of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).parent))
from commands import differing, figures, left_after, record_of, start

VICTIMS = ("supervisor", "worker", "server")
METHOD = "patient"
WORDS = ("--checkpoint-steps", "2", "--eval-batch", "4")
MOMENTS = {"loading": 1, "working": 5, "writing": 5, "closing": 1}  # with how often each is drawn
_SOON = 0.004  # seconds: a file of this run is written in less
_LOOK = 0.01


@dataclass(frozen=True)
class Life:
    """An undisturbed command: seconds of its parts, and how many files its part with a worker writes."""

    loading: float
    working: float
    closing: float
    writes: int


@dataclass
class Tally:
    """What became of the kills; several threads count."""

    wanted: int
    kills: Counter[str] = field(default_factory=Counter)
    moments: Counter[str] = field(default_factory=Counter)
    phases: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    ends: int = 0
    equal: int = 0
    outlived: int = 0
    missed: int = 0
    notes: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    promised: int = 0  # kills that are left to the runs at work

    def claim(self, most: int) -> tuple[int, int]:
        """How many kills the next run is to have, and its number."""
        with self.lock:
            due = min(most, self.wanted - self.kills.total() - self.promised)
            self.promised += due
            self.runs += due > 0
            return due, self.runs - 1

    def give_back(self, due: int) -> None:
        with self.lock:
            self.promised -= due

    def __str__(self) -> str:
        kinds = ", ".join(f"{name} {count}" for name, count in sorted(self.kills.items()))
        moments = ", ".join(f"{name} {count}" for name, count in sorted(self.moments.items()))
        phases = ", ".join(f"{name} {count}" for name, count in sorted(self.phases.items()))
        return (
            f"{self.kills.total()} kills ({kinds}; {moments}; in phase: {phases}), {self.missed} too late; "
            f"{self.ends} ends, {self.equal} of them bit-equal; "
            f"after {self.outlived} kills a process was left"
        )


def campaign(home: Path, kills: int, seed: int, each: int = 10, lanes: int = 2) -> Tally:
    """Kill ``kills`` times, at most ``each`` times a run, ``lanes`` runs at once."""
    tally = Tally(kills)
    straight = home / "straight"
    command = start(straight, METHOD, *WORDS, cache=home / "straight-cache")
    life = _lived(straight, command)
    output, _ = command.communicate()
    assert command.returncode == 0, output
    expected = figures(straight, METHOD)

    def lane(_: int) -> None:
        while True:
            due, number = tally.claim(each)
            if not due:
                return
            _run(home / f"run-{number}", random.Random(f"{seed} {number}"), due, life, expected, tally)

    with ThreadPoolExecutor(lanes) as pool:
        list(pool.map(lane, range(lanes)))
    return tally


def _run(out: Path, draw: random.Random, due: int, life: Life, expected: dict, tally: Tally) -> None:
    """Kill a run ``due`` times, or until it ends before it is killed; let it end, and compare."""
    cache = out.with_name(f"{out.name}-cache")
    while due:
        command = start(out, METHOD, *WORDS, cache=cache)
        [moment] = draw.choices(list(MOMENTS), list(MOMENTS.values()))
        _wait(out, command, moment, draw, life)
        killed = _kill(out, command, draw.choice(VICTIMS), moment, tally)
        due -= killed
        tally.give_back(killed)
        if not killed and record_of(out, METHOD).get("status") == "finished":
            break
    tally.give_back(due)
    command = start(out, METHOD, *WORDS, cache=cache)
    output, _ = command.communicate()
    with tally.lock:
        tally.ends += 1
        wrong = [f"exit {command.returncode}"] if command.returncode else []
        wrong = wrong or differing(figures(out, METHOD), expected)
        if wrong:
            tally.notes.append(f"{out.name}: {', '.join(map(str, wrong))}\n{output[-2000:]}")
        else:
            tally.equal += 1
            shutil.rmtree(out)
        shutil.rmtree(cache, ignore_errors=True)
        print(tally, flush=True)


# -- moments ----------------------------------------------------------------------------------------------


def _wait(out: Path, command: psutil.Popen, moment: str, draw: random.Random, life: Life) -> None:
    """Wait for a moment of this kind; shorter if the command ends before."""
    _until(command, lambda: bool(_announced(out, command)))
    if moment == "loading":
        _sleep(command, draw.uniform(0.0, life.loading))
        return
    _until(command, lambda: _worker(out, command) is not None)
    if moment == "working":
        _sleep(command, draw.uniform(0.0, 0.95 * life.working))
    elif moment == "writing":
        writes = _Writes(out)
        last = draw.randrange(life.writes)
        _until(command, lambda: writes.seen() > last, pause=0.0005)
        time.sleep(draw.uniform(0.0, _SOON))
    else:
        _until(command, lambda: _worker(out, command) is None)
        _sleep(command, draw.uniform(0.0, 0.7 * life.closing))  # then the process itself is taken apart


def _until(command: psutil.Popen, true: Callable[[], bool], pause: float = _LOOK) -> None:
    while command.poll() is None and not true():
        time.sleep(pause)


def _sleep(command: psutil.Popen, seconds: float) -> None:
    with contextlib.suppress(psutil.TimeoutExpired, subprocess.TimeoutExpired):
        command.wait(seconds)


class _Writes:
    """Counts the files that begin to be written: each is a temporary one before it has its name."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._names: set[str] = set()
        self.seen()  # what an earlier process has left is not being written
        self._before = len(self._names)

    def seen(self) -> int:
        out = self._out
        for folder in (out / "zero-shot", *out.glob("tiny*/*"), *out.glob("tiny*/*/*/")):
            with contextlib.suppress(OSError):
                self._names |= {path.name for path in folder.iterdir() if path.name.endswith(".tmp")}
        return len(self._names) - getattr(self, "_before", 0)


def _lived(out: Path, command: psutil.Popen) -> Life:
    """Look on while an undisturbed command lives."""
    _until(command, lambda: bool(_announced(out, command)))
    begun = time.monotonic()
    _until(command, lambda: _worker(out, command) is not None)
    loaded, writes = time.monotonic(), _Writes(out)
    _until(command, lambda: writes.seen() < 0 or _worker(out, command) is None)
    worked = time.monotonic()
    _until(command, lambda: False)
    return Life(loaded - begun, worked - loaded, time.monotonic() - worked, max(1, writes.seen()))


# -- processes --------------------------------------------------------------------------------------------


def _announced(out: Path, command: psutil.Popen) -> dict[str, Any]:
    """What this command says in the run's folder; an earlier one may have left its own words."""
    for path in out.glob("*/*/running.json"):
        with contextlib.suppress(OSError, ValueError):
            said: dict[str, Any] = json.loads(path.read_text())
            return said if said["pid"] == command.pid else {}
    return {}


def _worker(out: Path, command: psutil.Popen) -> psutil.Process | None:
    pid = _announced(out, command).get("worker")
    with contextlib.suppress(psutil.Error):
        worker = psutil.Process(pid) if pid else None
        return worker if worker and worker.status() != psutil.STATUS_ZOMBIE else None
    return None


def _server(command: psutil.Popen) -> psutil.Process | None:
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(command.pid).children():
            if "forkserver" in " ".join(child.cmdline()):
                return child
    return None


def _kill(out: Path, command: psutil.Popen, victim: str, moment: str, tally: Tally) -> int:
    """Kill one of the processes, if there is one; wait for the end of the command; return how many died."""
    killed = 0
    with contextlib.suppress(psutil.Error):
        supervisor = psutil.Process(command.pid)
        there = {"supervisor": supervisor, "server": _server(command), "worker": _worker(out, command)}
        name, chosen = victim, there[victim]
        if chosen is None:  # before there is a worker, and after it
            name, chosen = "supervisor", supervisor
        if command.poll() is None:
            phase = str(_announced(out, command).get("phase", "none"))
            chosen.kill()
            killed = 1
            with tally.lock:
                tally.kills[name] += 1
                tally.moments[moment] += 1
                tally.phases[phase] += 1
    command.communicate()
    remaining = left_after(out, 5.0)
    with tally.lock:
        tally.missed += not killed
        if remaining:
            tally.outlived += 1
            tally.notes.append(f"left after {victim}: {[each.cmdline() for each in remaining]}")
    for each in remaining:
        with contextlib.suppress(psutil.Error):
            each.kill()
    return killed


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--each", type=int, default=10, help="kills of a run, at most")
    parser.add_argument("--lanes", type=int, default=2, help="runs at once")
    options = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="clbench-kills-") as home:
        tally = campaign(Path(home), options.kills, options.seed, options.each, options.lanes)
    print(*tally.notes, sep="\n")
    seconds = time.monotonic() - begun
    print(f"{tally}; {seconds / 60:.1f} minutes, {seconds / max(1, options.kills):.1f} s a kill")
    sys.exit(tally.equal != tally.ends or tally.outlived > 0)


if __name__ == "__main__":
    main()
