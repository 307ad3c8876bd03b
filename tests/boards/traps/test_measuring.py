"""Which runs are compared for a trap, and what is said where none can be."""

from __future__ import annotations

from pathlib import Path

import pytest
from clbench import Trap
from clbench.boards.traps.listing import Listed
from clbench.boards.traps.measuring import measured, render_measured
from clbench.boards.traps.pairing import pair_of_forms
from clbench.results import StoredRecord
from clbench.results.records import Failure
from clbench.testing.records import make_record
from clbench.traps import TrapBook

SAID = {"published_says": "The code does so.", "intended_says": "The paper does not.", "source": "Eq. 1"}
RATE = Trap(id="rate", switch="rate", published=1, intended=2, given={"extra": True}, **SAID)
VOTE = Trap(id="vote", where="method", published="loud", intended="toy", **SAID)
BOOK = TrapBook({"toy": (RATE, VOTE), "loud": (VOTE,)}, {}, {"toy": {"rate": 1, "extra": False}})


def listed(trap, owner="toy"):
    return Listed(owner, "method", trap, "published")


def stored(
    rate, seed=0, *, extra=False, sources=None, method="toy", matrix=((80.0, 40.0), (70.0, 90.0)), **more
):
    settings = {"rate": rate, "extra": extra}
    record = make_record(matrix, method=method, seed=seed, settings=settings, sources=sources, **more)
    return StoredRecord(Path(f"{method}-{rate}-{seed}-{extra}"), record)


def paths(pair):
    return [sorted(str(each.path) for each in side) for side in pair]


def test_runs_that_differ_in_the_trap_alone_are_compared():
    runs = [stored(1), stored(1, 1), stored(2), stored(2, 1), stored(3), stored(2, extra=True)]
    assert paths(pair_of_forms(listed(RATE), runs, BOOK)) == [
        ["toy-1-0-False", "toy-1-1-False"],
        ["toy-2-0-False", "toy-2-1-False"],
    ]


def test_the_settings_under_which_it_shows_come_first():
    plain = [stored(1), stored(1, 1), stored(2), stored(2, 1)]
    shown = [stored(1, extra=True), stored(2, extra=True)]
    assert paths(pair_of_forms(listed(RATE), [*plain, *shown], BOOK)) == [["toy-1-0-True"], ["toy-2-0-True"]]


def test_runs_of_another_stream_or_unfinished_ones_are_no_partners():
    failed = Failure(task="t1", error="no room", kind="MemoryError")
    runs = [
        stored(1),
        stored(2, stream="other"),
        stored(2, 1, matrix=((80.0, 40.0),), status="failed", failure=failed),
    ]
    assert pair_of_forms(listed(RATE), runs, BOOK) == ([], [])


def test_a_record_that_is_older_than_the_switch_has_its_default():
    record = make_record(method="toy", settings={"extra": False})
    old = StoredRecord(Path("old"), record)
    assert paths(pair_of_forms(listed(RATE), [old, stored(2)], BOOK)) == [["old"], ["toy-2-0-False"]]


def test_two_methods_may_be_the_two_forms():
    runs = [stored(1), stored(1, method="loud")]
    assert paths(pair_of_forms(listed(VOTE), runs, BOOK)) == [["loud-1-0-False"], ["toy-1-0-False"]]


def test_the_difference_is_published_less_intended():
    published = [stored(1, seed, matrix=((80.0, 40.0), (70.0, 90.0))) for seed in (0, 1)]
    intended = [stored(2, seed, matrix=((80.0, 42.0), (75.0, 90.0))) for seed in (0, 1)]
    found = measured(listed(RATE), published, intended)
    means = found.comparison.means
    assert means["transfer"].difference == pytest.approx(-2.0)
    assert means["average"].difference == pytest.approx(-7 / 4)
    assert means["last"].difference == pytest.approx(-2.5)
    assert found.seeds == 2
    text = render_measured([found], "text")
    assert "toy/rate" in text
    assert text.splitlines()[4].endswith("extra=false")


def test_what_cannot_be_compared_says_why():
    failed = Failure(task="t1", step=3, error="loss is NaN\nmore", kind="NotFiniteError")
    broken = stored(2, matrix=((80.0, 40.0),), status="failed", failure=failed)
    found = measured(listed(RATE), [stored(1)], [broken])
    assert found.comparison is None
    assert found.reason == "the intended form: NotFiniteError in task t1, step 3: loss is NaN"
    assert render_measured([found], "md") == (
        "nothing is measured\n\n"
        "- not measured: toy/rate: the intended form: NotFiniteError in task t1, step 3: loss is NaN"
    )
    apart = measured(listed(RATE), [stored(1)], [stored(2, stream="other")])
    assert "different stream" in apart.reason
