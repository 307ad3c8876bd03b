"""Kill processes of a run at random moments, go on, and compare: ``python kills.py --kills 200``.

Each command is started, and one of its processes (supervisor, worker or fork server, in turn) gets SIGKILL
after a time that is drawn between nothing and the life of an undisturbed worker. The same command again goes
on. A run that has survived its kills is compared with the undisturbed one, and another one begins.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parent))
from commands import figures, left_after, record_of, start

VICTIMS = ("supervisor", "worker", "server")
METHOD = "honest"


@dataclass
class Tally:
    """What became of the kills."""

    kills: dict[str, int] = field(default_factory=lambda: dict.fromkeys(VICTIMS, 0))
    phases: dict[str, int] = field(default_factory=dict)
    ends: int = 0
    equal: int = 0
    outlived: int = 0
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{sum(self.kills.values())} kills {self.kills}, while {self.phases}; {self.ends} ends, "
            f"{self.equal} of them bit-equal; after {self.outlived} kills a process was left"
        )


def campaign(home: Path, kills: int, seed: int, each: int = 8) -> Tally:
    """Kill ``kills`` times, at most ``each`` times a run."""
    draw, tally = random.Random(seed), Tally()
    straight = home / "straight"
    command = start(straight, METHOD)
    length = _life(straight, command)
    output, _ = command.communicate()
    assert command.returncode == 0, output
    expected = figures(straight, METHOD)
    runs = 0
    while sum(tally.kills.values()) < kills:
        out = home / f"run-{runs}"
        runs += 1
        due = min(each, kills - sum(tally.kills.values()))
        while due:
            command = start(out, METHOD)
            _begun(out, command)  # while torch is loaded nothing happens that could break
            time.sleep(draw.uniform(0.0, length))
            due -= _kill(out, command, draw.choice(VICTIMS), tally)
            if record_of(out, METHOD).get("status") == "finished" and command.returncode == 0:
                break
        command = start(out, METHOD)
        output, _ = command.communicate()
        tally.ends += 1
        if command.returncode == 0 and figures(out, METHOD) == expected:
            tally.equal += 1
        else:
            tally.notes.append(f"run {runs}: exit {command.returncode}\n{output[-2000:]}")
        shutil.rmtree(out)
        print(tally, flush=True)
    return tally


def _begun(out: Path, command: psutil.Popen) -> None:
    """Wait until there is a worker's log, or a part of the run."""
    while command.poll() is None and not any(out.glob("*/*/running.json")):
        time.sleep(0.02)
    while command.poll() is None and not _worker(command.pid):
        time.sleep(0.02)


def _worker(pid: int) -> psutil.Process | None:
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(pid).children():
            if "forkserver" in " ".join(child.cmdline()):
                return next(iter(child.children()), None)
    return None


def _life(out: Path, command: psutil.Popen) -> float:
    """Seconds for which there is a worker: loading torch before it, and figures after it, take longer."""
    _begun(out, command)
    begun = time.monotonic()
    while command.poll() is None and _worker(command.pid):
        time.sleep(0.02)
    return time.monotonic() - begun


def _kill(out: Path, command: psutil.Popen, victim: str, tally: Tally) -> int:
    """Kill one of the processes, if there is one; wait for the end of the command; return how many died."""
    killed = 0
    with contextlib.suppress(psutil.Error):
        worker = _worker(command.pid)
        chosen = {"supervisor": psutil.Process(command.pid), "worker": worker}.get(victim)
        if victim == "server" and worker is not None:
            chosen = worker.parent()
        if chosen is not None and command.poll() is None and worker is not None:
            phase = _phase(out)
            chosen.kill()
            tally.kills[victim] += 1
            tally.phases[phase] = tally.phases.get(phase, 0) + 1
            killed = 1
    command.communicate()
    remaining = left_after(out, 5.0)
    if remaining:
        tally.outlived += 1
        tally.notes.append(f"left after {victim}: {[each.cmdline() for each in remaining]}")
        for each in remaining:
            with contextlib.suppress(psutil.Error):
                each.kill()
    return killed


def _phase(out: Path) -> str:
    """What the run was at, as its announcement says."""
    import json

    for path in out.glob("*/*/running.json"):
        with contextlib.suppress(OSError, ValueError):
            return str(json.loads(path.read_text()).get("phase"))
    return "unknown"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="clbench-kills-") as home:
        tally = campaign(Path(home), options.kills, options.seed)
    print(*tally.notes, sep="\n")
    print(tally)
    sys.exit(tally.equal != tally.ends or tally.outlived > 0)


if __name__ == "__main__":
    main()
