"""Give the command everything that nobody should, and see that it answers in words.

    python -m tests.fuzz                          # 60,000 inputs of all kinds; the seed is printed
    python -m tests.fuzz --seed 7 --count 500     # others, 500 of each kind
    python -m tests.fuzz --seed 7 --kind records --only 123     # one input again, with what it was and said

An input fails if it ends in a traceback, in an error that clbench does not know, in another exit status than
0, 1 and 2, without a word, after 20 s or never; if it changes a file outside of where it may write; or if it
ends well and shows a figure that is not what its input gives.
"""

from __future__ import annotations

import argparse
import secrets
import sys
from collections import Counter

from tests.fuzz.campaign import KINDS, Campaign


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
    given = parser.parse_args()
    seed = secrets.randbelow(10**9) if given.seed is None else given.seed
    print(f"seed {seed}", flush=True)
    total: Counter[str] = Counter()
    failures = 0
    for kind in given.kind or KINDS:
        count = given.count or KINDS[kind].usual
        numbers = [given.only] if given.only is not None else range(given.first, given.first + count)
        with Campaign(kind, seed) as campaign:
            for number in numbers:
                verdict = campaign.judge(number)
                if given.only is not None:
                    print(verdict.shown())
                if verdict.complaint:
                    failures += 1
                    again = f"python -m tests.fuzz --seed {seed} --kind {kind} --only {number}"
                    print(
                        f"FAILED {verdict.complaint}\n  {verdict.input[:300]}\n  again: {again}", flush=True
                    )
                total[kind] += 1
                total[verdict.outcome] += 1
        outcome = campaign.summary()
        print(f"{kind:16} {total[kind]:7,} inputs, {outcome}", flush=True)
    print(f"{sum(total[kind] for kind in KINDS):,} inputs, {failures} failures, seed {seed}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
