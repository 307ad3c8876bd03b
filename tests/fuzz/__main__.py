"""Give the command everything that nobody should, and see that it answers in words.

    python -m tests.fuzz                          # 64,000 inputs on all cores; the seed is printed
    python -m tests.fuzz --seed 7 --count 500     # others, 500 of each kind
    python -m tests.fuzz --seed 7 --kind records --only 123     # one input again, with what it was and said

An input fails if it ends in a traceback, in an error that clbench does not know, in another exit status than
0, 1 and 2, without a word, after 20 s or never; if it changes a file outside of where it may write; or if it
ends well and shows a figure that is not what its input gives.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import secrets
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed

from tests.fuzz.campaign import KINDS, Campaign
from tests.fuzz.pieces import Found, Piece, judged

PIECE = 100  # inputs that a process judges before it tells of them


def main() -> int:
    """Run the campaign; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, help="of the draw  [default: drawn, and printed]")
    parser.add_argument("--kind", action="append", choices=sorted(KINDS), help="only this kind; repeatable")
    parser.add_argument(
        "--count", type=int, help="inputs of each kind  [default: as many as the kind is worth]"
    )
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--only", type=int, help="one input by its number, shown in full")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count(), help="processes  [default: one for each core]"
    )
    given = parser.parse_args()
    seed = secrets.randbelow(10**9) if given.seed is None else given.seed
    began = time.monotonic()
    print(f"seed {seed}", flush=True)
    if given.only is not None:
        return _one((given.kind or list(KINDS))[0], seed, given.only)
    kinds = list(given.kind or KINDS)
    pieces = [
        (kind, seed, range(first, min(first + _piece(kind), given.first + count)))
        for kind in sorted(
            kinds, key=lambda kind: KINDS[kind].usual < 500, reverse=True
        )  # the slow ones first
        for count in [given.count or KINDS[kind].usual]
        for first in range(given.first, given.first + count, _piece(kind))
    ]
    outcomes: dict[str, Counter[str]] = {kind: Counter() for kind in kinds}
    failures = 0
    for kind, found, bad in _judged(pieces, given.jobs):
        outcomes[kind] += found
        for number, complaint, shown in bad:
            failures += 1
            again = f"python -m tests.fuzz --seed {seed} --kind {kind} --only {number}"
            print(f"FAILED {complaint}\n  {shown}\n  again: {again}", flush=True)
    for kind in kinds:
        ends = ", ".join(f"{number:,} {outcome}" for outcome, number in outcomes[kind].most_common())
        print(f"{kind:16} {outcomes[kind].total():7,} inputs, {ends}")
    total, seconds = sum(each.total() for each in outcomes.values()), time.monotonic() - began
    print(f"{total:,} inputs, {failures} failures, seed {seed}, {seconds:,.0f} s, {given.jobs} processes")
    return 1 if failures else 0


def _one(kind: str, seed: int, number: int) -> int:
    with Campaign(kind, seed) as campaign:
        verdict = campaign.judge(number)
    print(verdict.shown())
    return 1 if verdict.complaint else 0


def _piece(kind: str) -> int:
    """Of slow inputs fewer at once, so that no process is left with the last of them."""
    return PIECE if KINDS[kind].usual > 500 else 20


def _judged(pieces: Iterable[Piece], jobs: int) -> Iterator[Found]:
    if jobs == 1:
        yield from map(judged, pieces)
        return
    # Begun anew: what one process has imported and changed is no other's.
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        for done in as_completed([pool.submit(judged, each) for each in pieces]):
            yield done.result()


if __name__ == "__main__":
    sys.exit(main())
