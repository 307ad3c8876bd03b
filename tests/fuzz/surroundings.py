"""Environment variables, consoles and pipes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from random import Random

from tests.fuzz.drawing import TEXTS, as_argument
from tests.fuzz.judging import LONGEST, Case
from tests.fuzz.place import RUNS, Place

VARIABLES = (
    "CLBENCH_CACHE",
    "CLBENCH_DATA",
    "CLBENCH_MTIL_SOURCE",
    "CLBENCH_MTIL_HUB",
    "CLBENCH_MTIL_COUNTS",
    "CLBENCH_CIL_COUNTS",
    "HOME",
    "COLUMNS",
    "LINES",
    "TERM",
    "NO_COLOR",
    "FORCE_COLOR",
    "MPLBACKEND",
    "MATPLOTLIBRC",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "OMP_NUM_THREADS",
    "CUDA_VISIBLE_DEVICES",
    "PAGER",
    "XDG_CACHE_HOME",
)
COMMANDS = (
    ["list", "methods"],
    ["list", "streams"],
    ["show", "method", "zscl"],
    ["leaderboard", "{runs}"],
    ["show", "run", "{run}"],
    ["run", "--methods", "zscl", "--device", "cpu", "--dry-run"],
    ["run", "--methods", "zscl", "--stream", "mtil", "--device", "cpu", "--dry-run"],
    ["doctor", "mtil"],
    ["doctor", "cil"],
    ["plugins"],
    ["rescore", "{run}"],
)
ENCODINGS = (
    "utf-8",
    "cp1252",
    "gbk",
    "latin-1",
    "cp437",
    "ascii",
    "utf-16",
    "shift_jis",
    "utf-8:strict",
    "ascii:strict",
)


def _command(random: Random, place: Place) -> list[str]:
    known = {"{runs}": str(place.runs), "{run}": str(place.runs / RUNS[0])}
    return [known.get(each, each) for each in random.choice(COMMANDS)]


def _drawn(random: Random) -> dict[str, str]:
    found = {}
    for _ in range(random.choice((1, 1, 2))):
        value = random.choice(
            (*TEXTS, "/dev/null", "/proc/nope", "relative/place", "dumb", "1", "0", "C", "tr_TR")
        )
        found[random.choice(VARIABLES)] = as_argument(value)
    return found


def environment(random: Random, place: Place) -> Case:
    """A command with odd environment variables."""
    return Case(_command(random, place), env=_drawn(random))


def process(random: Random, place: Place) -> Case:
    """A process of its own: a console of some encoding, a pipe that closes, a full disk, a signal."""
    words = _command(random, place)
    console = random.choice(ENCODINGS)
    kind = random.choice(("console", "console", "closed pipe", "full", "no output", "interrupt", "odd words"))
    env = {**os.environ, "PYTHONIOENCODING": console, **(_drawn(random) if random.random() < 0.3 else {})}
    if kind == "odd words":
        words = [*words, as_argument(random.choice(TEXTS))]

    def call() -> str:
        return _process(kind, words, env)

    return Case(call=call, note=f"{kind}, {console}: {words!r}")


def _process(kind: str, words: list[str], env: dict[str, str]) -> str:
    command = [sys.executable, "-m", "clbench", *words]
    output: int = subprocess.PIPE
    if kind == "full":
        output = os.open("/dev/full", os.O_WRONLY)
    elif kind == "no output":
        command = ["sh", "-c", 'exec "$@" >&-', "sh", *command]
    child = subprocess.Popen(
        command, stdout=output, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=env
    )
    if kind == "full":
        os.close(output)
    if kind == "closed pipe" and child.stdout is not None:
        child.stdout.close()
        child.stdout = None
    if kind == "interrupt":
        time.sleep(0.4)
        child.send_signal(signal.SIGINT)
    try:
        shown, said = child.communicate(timeout=LONGEST - 2)
    finally:
        child.kill()
    # An interrupt may come before the command is loaded; then it is Python's to say so.
    early = kind == "interrupt" and b"KeyboardInterrupt" in said
    assert early or b"Traceback" not in said, said.decode(errors="replace")[-600:]
    assert b"does not know:" not in said, said.decode(errors="replace")[-600:]
    allowed = {0, 1, 2} | (
        {130, -signal.SIGINT, -signal.SIGPIPE} if kind in ("interrupt", "closed pipe") else set()
    )
    assert child.returncode in allowed, (
        f"exit status {child.returncode}: {said.decode(errors='replace')[-300:]}"
    )
    assert child.returncode != 1 or said or shown or kind == "closed pipe", "exit status 1 without a word"
    return f"exit {child.returncode}"
