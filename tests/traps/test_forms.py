"""The form of a run is read from its settings, and tells what a reader must know of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from clbench import Trap
from clbench.plugins import get_registry
from clbench.results import load_records, read_record
from clbench.traps import TrapBook, overall_form
from clbench.traps.forms import form_of

RECORDS = Path(__file__).parents[2] / "leaderboards/mini/records/I"
SAID = {"published_says": "The code does so.", "intended_says": "The paper does not.", "source": "Eq. 1"}
SWITCH = Trap(id="rate", switch="rate", published=0.5, intended=1.0, off={"steps": (0,)}, **SAID)
FLAG = Trap(id="flag", switch="flag", published=True, intended=False, **SAID)
BY_NAME = Trap(id="name", where="method", published="vote", intended="single", **SAID)
FIXED = Trap(id="fixed", where="fixed", published=None, intended="sorted", unmeasurable="so it is", **SAID)


@pytest.fixture(scope="module")
def book():
    return TrapBook.of(get_registry())


@pytest.mark.parametrize(
    ("trap", "settings", "form"),
    [
        (SWITCH, {"rate": 0.5}, "published"),
        (SWITCH, {"rate": 1}, "intended"),
        (SWITCH, {"rate": 0.7}, "other"),
        (SWITCH, {}, "other"),
        (SWITCH, {"rate": 0.5, "steps": 0}, "off"),
        (FLAG, {"flag": True}, "published"),
        (FLAG, {"flag": 1}, "other"),
        (FLAG, {"flag": False}, "intended"),
        (BY_NAME, {}, "published"),
        (FIXED, {}, "intended"),
    ],
)
def test_a_form_is_what_the_switch_says(trap, settings, form):
    assert form_of(trap, "vote", settings)[0] == form


def record_of(method, **changes):
    record = read_record(RECORDS / f"{method}-seed0" / "record.json")
    settings = {**record.method.settings, **changes}
    sources = {name: record.method.settings_sources.get(name, "user") for name in settings}
    changed = record.method.model_copy(update={"settings": settings, "settings_sources": sources})
    return record.evolve(method=changed)


def test_a_record_that_is_older_than_a_switch_has_the_form_of_its_time(book):
    record = record_of("zscl")
    older = {
        name: value
        for name, value in record.method.settings.items()
        if name not in ("distillation_target", "snapshots", "distilled_texts", "long_captions")
    }
    method = record.method.model_copy(
        update={
            "settings": older,
            "settings_sources": {name: record.method.settings_sources[name] for name in older},
        }
    )
    forms = {each.trap.id: each.form for each in book.standings(record.evolve(method=method))}
    assert forms["distillation-direction"] == "published"
    assert forms["snapshot-after-the-first-step"] == "published"


def test_a_trap_is_off_where_the_data_leave_it_no_part(book):
    here = {each.trap.id: each.form for each in book.standings(record_of("zscl"))}
    assert here["captions-cut-before-their-end"] == "off"
    assert book.form(record_of("zscl")) == "published"
    record = record_of("zscl")
    there = record.evolve(stream=record.stream.model_copy(update={"name": "mtil"}))
    assert book.told(there) == "mixed (published; intended: captions-cut-before-their-end)"


def test_what_a_run_mixes_is_told_by_the_rarer_form(book):
    assert book.form(record_of("icarl")) == "published"
    assert book.told(record_of("icarl")) == "published"
    assert book.form(record_of("icarl", newest="rest")) == "mixed"
    assert book.told(record_of("icarl", newest="rest")) == "mixed (published; intended: memory-exceeded)"
    assert book.told(record_of("wise-ft", alpha=0.7)) == "mixed (published; alpha=0.7)"
    assert book.form(record_of("wise-ft", alpha=0.5, towards="initial")) == "intended"
    assert book.form(record_of("finetune")) == "none"


def test_switches_that_are_off_do_not_count(book):
    standings = {each.name: each for each in book.standings(record_of("clip-kd"))}
    assert standings["clip-kd/nothing-masked"].form == "off"
    assert standings["clip-kd/raw-scale"].form == "intended"
    assert overall_form([standings["clip-kd/nothing-masked"]]) == "none"


def test_every_kept_record_has_a_form(book):
    forms = {record.method.name: book.form(record) for record in load_records([RECORDS]).records}
    assert set(forms.values()) <= {"published", "intended", "mixed", "none"}
    assert forms["gift"] == "mixed"  # the first release's sum is not what runs by default
    assert forms["icarl"] == "published"


def test_the_book_has_what_plugins_declare(book):
    own = {(name, trap.id) for name, traps in book.methods.items() for trap in traps if trap.where != "fixed"}
    assert len({trap for _, trap in own}) >= 25
    for name, traps in book.methods.items():
        for trap in traps:
            assert json.dumps([trap.published, trap.intended, dict(trap.given)]), (name, trap.id)
