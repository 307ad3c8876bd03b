"""Verified submissions become records of a leaderboard: all of a set or none."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from clbench.boards.tables.groups import Group, differing
from clbench.boards.tables.variants import recipe_of
from clbench.errors import RecordError, SubmissionError
from clbench.results.predictions import (
    PREDICTIONS_FILE,
    load_predictions,
    parse_predictions,
)
from clbench.results.records import Record
from clbench.results.store import RECORD_FILE, StoredRecord, load_records
from clbench.submissions.archive import Submission, safe_name
from clbench.submissions.duplicates import Answered, require_its_own
from clbench.submissions.manifest import MANIFEST_FILE

__all__ = ["Entry", "admit", "plan"]


@dataclass(frozen=True)
class Entry:
    """What becomes of one submission.

    Attributes:
        submission: its file.
        action: ``add``; ``replace`` what is in ``instead``; or ``keep``: it is there already.
        folder: where its record goes, or is.
        instead: folder of the record that goes.
    """

    submission: Submission
    action: Literal["add", "replace", "keep"]
    folder: Path
    instead: Path | None = None


def plan(
    submissions: Sequence[Submission],
    into: Path,
    *,
    replace: bool = False,
    new_table: bool = False,
    deterministic: Collection[str] = (),
) -> list[Entry]:
    """Return where verified submissions go in the folder of records ``into``, ORDER/METHOD-seedN.

    Args:
        submissions: verified ones.
        into: a leaderboard's records; made if it is not there.
        replace: let a submission take the place of the record of the same run, or of the same method,
            settings and seed.
        new_table: let in what cannot be compared with anything there, and opens a table of its own.
        deterministic: names of methods that give the same answers from every seed.

    Raises:
        SubmissionError: one would be counted twice, is another's run under a new name, or would be mixed with
            what it cannot be compared with.
    """
    present = list(load_records([into]).stored) if into.is_dir() else []
    entries: list[Entry] = []
    taken: dict[Path, str] = {}
    for submission in submissions:
        record = submission.record
        twin = next((e for e in entries if e.submission.record.run_id == record.run_id), None)
        if twin is not None:
            raise SubmissionError(
                f"{submission.name} and {twin.submission.name} are the same run {record.run_id}",
                fix="give one of them",
            )
        entry = _entry(submission, record, into, present, taken, replace)
        if entry.action != "keep" and not new_table:
            _require_company(submission.name, record, present)
        taken[entry.folder] = record.run_id
        entries.append(entry)
    _require_their_own(entries, present, deterministic)
    return entries


def _require_their_own(
    entries: Sequence[Entry], present: Sequence[StoredRecord], deterministic: Collection[str]
) -> None:
    """Each new run has answers of its own: other than those that stay there, and than those beside it."""
    gone = {entry.instead for entry in entries if entry.instead is not None}
    there = [stored for stored in present if stored.path.parent not in gone]
    read: dict[Path, Answered | None] = {}

    def answers_of(stored: StoredRecord) -> Answered | None:
        if stored.path not in read:
            read[stored.path] = _answered(stored)
        return read[stored.path]

    before: list[Answered] = []
    for entry in entries:
        if entry.action == "keep":
            continue
        record, name = entry.submission.record, entry.submission.name
        mine = Answered(
            name, record, parse_predictions(entry.submission.members[PREDICTIONS_FILE], Path(name))
        )
        tasks = [task.key for task in record.stream.tasks]
        alike = [stored for stored in there if [t.key for t in stored.record.stream.tasks] == tasks]
        for other in (*filter(None, map(answers_of, alike)), *before):
            require_its_own(mine, other, deterministic=record.method.name in deterministic)
        before.append(mine)


def _answered(stored: StoredRecord) -> Answered | None:
    """A record that is there; one that is damaged is no reason to refuse another."""
    expected = stored.record.predictions
    if expected is None:
        return None
    try:
        predictions = load_predictions(stored.path.parent, expected)
    except RecordError:
        return None
    return Answered(str(stored.path.parent), stored.record, predictions)


def _entry(
    submission: Submission,
    record: Record,
    into: Path,
    present: Sequence[StoredRecord],
    taken: dict[Path, str],
    replace: bool,
) -> Entry:
    for stored in present:
        if stored.record.run_id == record.run_id:
            if stored.path.read_bytes() == submission.members[RECORD_FILE]:
                return Entry(submission, "keep", stored.path.parent)
            what = f"run {record.run_id} is there already, with other content"
        elif _competes(stored.record, record):
            name = f"{record.method.name}, seed {record.seed}, with the same settings"
            what = f"a record of {name} is there already"
        else:
            continue
        if not replace:
            raise SubmissionError(
                f"{submission.name} is not admitted: {what}",
                why=f"{stored.path.parent} would not be shown beside it",
                fix="--replace puts the submission in its place",
            )
        return Entry(submission, "replace", stored.path.parent, stored.path.parent)
    plain = into / safe_name(record.stream.order) / f"{safe_name(record.method.name)}-seed{record.seed}"
    folder = plain
    if plain in taken or plain.exists():  # the same method with other settings
        folder = plain.with_name(f"{plain.name}-{safe_name(record.run_id[:10])}")
    return Entry(submission, "add", folder)


def _competes(a: Record, b: Record) -> bool:
    """Whether a board would show only one of the two."""
    return (Group.of(a), recipe_of(a), a.seed) == (Group.of(b), recipe_of(b), b.seed)


def _require_company(name: str, record: Record, present: Sequence[StoredRecord]) -> None:
    """A record that no other can be compared with is most often a mistake."""
    groups = {Group.of(stored.record): stored.record.fingerprint.fields for stored in present}
    mine = Group.of(record)
    if not groups or mine in groups:
        return
    fields = record.fingerprint.fields
    apart = {group: differing(group, mine, theirs, fields) for group, theirs in groups.items()}
    near = min(apart, key=lambda group: len(apart[group]))
    raise SubmissionError(
        f"{name} is not admitted: nothing there can be compared with it",
        why=f"other {', '.join(apart[near])} than {near.title}",
        fix="--new-table opens a table of its own, or name the folder of its leaderboard after --into",
    )


def admit(entries: Sequence[Entry], into: Path) -> None:
    """Write the records: all of them, or none where one cannot be written.

    Raises:
        OSError: the disk is full, or the folder cannot be written; everything is as it was.
    """
    into.mkdir(parents=True, exist_ok=True)
    moves: list[tuple[Path, Path]] = []  # (from, to), to be undone in reverse
    # Hidden: no reader takes its content for records. In the same folder, so that a move is one step.
    with tempfile.TemporaryDirectory(prefix=".admit-", dir=into) as name:
        stage = Path(name)
        changing = [entry for entry in entries if entry.action != "keep"]
        for number, entry in enumerate(changing):
            _write(entry.submission, stage / f"new-{number}")
        try:
            for number, entry in enumerate(changing):
                if entry.instead is not None:
                    _move(entry.instead, stage / f"old-{number}", moves)
                entry.folder.parent.mkdir(parents=True, exist_ok=True)
                _move(stage / f"new-{number}", entry.folder, moves)
        except BaseException:
            for origin, target in reversed(moves):
                with suppress(OSError):
                    shutil.move(target, origin)
            raise


def _move(origin: Path, target: Path, moves: list[tuple[Path, Path]]) -> None:
    origin.rename(target)
    moves.append((origin, target))


def _write(submission: Submission, folder: Path) -> None:
    folder.mkdir()
    for name, content in submission.members.items():
        if name != MANIFEST_FILE:  # it is of the file, and made anew when the run is packed again
            (folder / name).write_bytes(content)
