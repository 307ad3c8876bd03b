"""What a reader must know before using a figure: failures, changed code, unequal machines, guessed tasks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from clbench.boards.card import Card
from clbench.boards.figures.courses import Subject
from clbench.boards.figures.quantities import machines_of
from clbench.boards.formats.wording import listed
from clbench.results.records import Record
from clbench.results.store import LoadedRecords

__all__ = ["Caution", "cautions_of"]

Level = Literal["failed", "beware", "note"]

_UNEQUAL_SECONDS = 1.5  # the slowest seed of a method took so many times as long as the fastest


@dataclass(frozen=True)
class Caution:
    """A sentence to read first: something is missing (``failed``), may mislead (``beware``), or helps."""

    level: Level
    text: str


def cautions_of(
    loaded: LoadedRecords,
    subjects: Sequence[Subject],
    cards: Sequence[Card],
    form: Callable[[Record], str] | None = None,
) -> tuple[Caution, ...]:
    """Return what is to be said of these records, gravest first.

    ``form`` tells in which form a record has its method's traps.
    """
    records = loaded.records
    found = [
        *(Caution("failed", f"Left out: {problem.error.line}") for problem in loaded.problems),
        *_unfinished(records),
        *_changed_code(records),
        *_protocols(subjects),
        *_seeds(subjects),
        *_machines(subjects),
        *_inference(records),
        *_forms(records, form),
        *_versions(records, cards),
        *_predictions(records),
        *_notes(records),
    ]
    levels: tuple[Level, ...] = ("failed", "beware", "note")
    return tuple(sorted(dict.fromkeys(found), key=lambda caution: levels.index(caution.level)))


def _unfinished(records: Sequence[Record]) -> Iterator[Caution]:
    for record in records:
        who = f"{record.method.name}, seed {record.seed}, order {record.stream.order}"
        if record.failure is not None:
            yield Caution("failed", f"Failed: {who}: {record.failure.line}")
        elif record.status == "running":
            done = f"{record.rows} of {len(record.stream.tasks)} tasks"
            yield Caution("failed", f"Not finished: {who}, {done} are learned.")


def _changed_code(records: Sequence[Record]) -> Iterator[Caution]:
    dirty = [record for record in records if record.provenance.dirty]
    if dirty:
        yield Caution(
            "beware",
            f"{_count(dirty, records)} made by code with changes that are in no commit: {_methods(dirty)}.",
        )
    commits = {record.provenance.commit for record in records}
    if len(commits) > 1:
        yield Caution("note", f"The runs are of {len(commits)} commits of clbench; see the provenance.")


def _protocols(subjects: Sequence[Subject]) -> Iterator[Caution]:
    if len(subjects) > 1:
        yield Caution(
            "note",
            f"The records are of {len(subjects)} streams, orders or protocols, which are told apart "
            "everywhere: numbers of different tables do not compare.",
        )


def _seeds(subjects: Sequence[Subject]) -> Iterator[Caution]:
    for subject in subjects:
        counts = {
            c.label: len(c.records) for c in subject.courses if c.finished and c.protocol != "zero_shot"
        }
        most = max(counts.values(), default=0)
        fewer = [f"{label} ({n})" for label, n in counts.items() if n < most]
        if fewer:
            yield Caution(
                "beware",
                f"{subject.group.title}: fewer seeds than the {most} of others have {listed(fewer, 8)}.",
            )


def _machines(subjects: Sequence[Subject]) -> Iterator[Caution]:
    for subject in subjects:
        machines = machines_of(subject.records)
        if len(machines) > 1:
            names = "; ".join(f"{machine} ({len(those)} runs)" for machine, those in machines.items())
            yield Caution(
                "beware",
                f"{subject.group.title}: made on {len(machines)} kinds of machines, whose seconds and memory "
                f"do not compare: {names}.",
            )
        unequal = []
        for course in subject.courses:
            seconds = [sum(r.resources.learn_seconds) for r in course.records if r.status == "finished"]
            if len(seconds) > 1 and min(seconds) > 0 and max(seconds) / min(seconds) >= _UNEQUAL_SECONDS:
                unequal.append(f"{course.label} ({min(seconds):,.0f} to {max(seconds):,.0f} s)")
        if unequal:
            yield Caution(
                "beware",
                f"{subject.group.title}: seconds differ much between seeds, as on a busy machine or where "
                f"results were remembered: {', '.join(unequal)}.",
            )


def _inference(records: Sequence[Record]) -> Iterator[Caution]:
    guessing: dict[tuple[str, str], list[Record]] = defaultdict(list)
    given = [r for r in records if r.method.assumptions.task_identity == "given"]
    for record in records:
        if record.method.assumptions.task_identity == "inferred":
            how = str(record.declared.get("task identity", "")).strip()
            guessing[record.fingerprint.fields.batch_composition, how].append(record)
    for (batches, how), those in guessing.items():
        said = f" ({how})" if how else ""
        yield Caution(
            "beware",
            f"{_methods(those)}: the task is inferred at test{said}, from batches that are {batches}; "
            "clbench audit shows what is scored in others.",
        )
    marked: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record.conduct is not None and record.conduct.line:
            marked[record.conduct.line].append(record)
    for line, those in marked.items():
        yield Caution("beware", f"{_methods(those)}: {line}.")
    if given:
        yield Caution("beware", f"{_methods(given)}: told at test which task an image belongs to.")


def _forms(records: Sequence[Record], form: Callable[[Record], str] | None) -> Iterator[Caution]:
    """Which methods do in part what published code does, and in part what is meant."""
    mixed: dict[str, list[Record]] = defaultdict(list)
    for record in records if form is not None else ():
        assert form is not None
        if (told := form(record)).startswith("mixed"):
            mixed[told].append(record)
    for told, those in mixed.items():
        said = told.removeprefix("mixed ").strip("()")
        yield Caution(
            "note",
            f"{_methods(those)}: where published code and what is meant differ, some of each is done "
            f"({said}); clbench traps says what that is.",
        )


def _versions(records: Sequence[Record], cards: Sequence[Card]) -> Iterator[Caution]:
    found: dict[str, set[str]] = defaultdict(set)
    for record in records:
        for name, number in record.provenance.versions.items():
            found[name].add(number)
    mixed = [f"{name} {' and '.join(sorted(numbers))}" for name, numbers in found.items() if len(numbers) > 1]
    if mixed:
        yield Caution("beware", f"Packages differ between runs: {', '.join(sorted(mixed))}.")
    installed = {card.spec.name: card.package for card in cards}
    for record in records:
        method = record.method
        recorded, here = f"{method.distribution} {method.version}", installed.get(method.name)
        if here is None:
            yield Caution("note", f"{method.name} is not installed here: it has no card below.")
        elif here != recorded:
            yield Caution("note", f"{method.name}: recorded with {recorded}, the card below is of {here}.")


def _predictions(records: Sequence[Record]) -> Iterator[Caution]:
    without = [record for record in records if record.predictions is None]
    if without:
        yield Caution(
            "note",
            f"{_count(without, records)} recorded without predictions and cannot be computed anew from them: "
            f"{_methods(without)}.",
        )


def _notes(records: Sequence[Record]) -> Iterator[Caution]:
    said: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        for note in record.notes:
            said[_line(note)].append(record)
    for note, those in said.items():
        yield Caution("note", f"{_methods(those)}: {note}")


def _count(those: Sequence[Record], every: Sequence[Record]) -> str:
    if len(those) == len(every):
        return "All runs were" if len(every) > 1 else "The run was"
    return f"{len(those)} of {len(every)} runs {'was' if len(those) == 1 else 'were'}"


def _methods(records: Sequence[Record]) -> str:
    return listed(sorted({record.method.name for record in records}), 12)


def _line(text: object) -> str:
    return " ".join(str(text).split())
