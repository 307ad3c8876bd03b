"""What is drawn: the accuracy matrices of runs that may stand in one figure, averaged over seeds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from clbench.boards.tables.groups import Group, grouped
from clbench.boards.tables.intervals import in_words
from clbench.boards.tables.rows import Protocol
from clbench.boards.tables.variants import Variant, variants
from clbench.errors import RecordError
from clbench.results.places import folder_of
from clbench.results.records import Record, TaskRecord
from clbench.results.statistics.chance import ENOUGH
from clbench.results.statistics.estimates import estimate
from clbench.results.statistics.intervals import Interval, mean_interval
from clbench.results.statistics.paired import paired_difference
from clbench.results.statistics.pairs import pair_up
from clbench.results.statistics.trials import (
    Trial,
    load_trial,
    predictions_folder,
    trial_of,
    zero_shot_trial,
)

__all__ = ["Course", "HeldOut", "Subject", "bands", "courses_of", "over_seeds", "single", "subjects_of"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class HeldOut:
    """Accuracies in percent on a data set that is never learned.

    Attributes:
        title: of the data set.
        zero_shot: the initial model's.
        after: shape (seeds, tasks learned).
    """

    title: str
    zero_shot: float
    after: FloatArray


@dataclass(frozen=True)
class Course:
    """Runs that differ in their seed alone: what they scored on every task after every task.

    Attributes:
        label: the method, and the settings that tell it apart from its other runs.
        records: one for each seed; the finished ones, or where there is none the one that got furthest.
    """

    label: str
    records: tuple[Record, ...]

    @property
    def protocol(self) -> Protocol:
        """How the method learns: ``stream``, ``zero_shot``, ``joint`` or ``independent``."""
        return self.records[0].method.protocol

    @property
    def tasks(self) -> tuple[TaskRecord, ...]:
        """In the order in which they were learned."""
        return self.records[0].stream.tasks

    @property
    def finished(self) -> bool:
        """Whether every row of every matrix is there."""
        return all(record.status == "finished" for record in self.records)

    @cached_property
    def stack(self) -> FloatArray:
        """Accuracies in percent: shape (seeds, T, T), rows = after task i; NaN where nothing is recorded."""
        count = len(self.tasks)
        stack = np.full((len(self.records), count, count), np.nan)
        for s, record in enumerate(self.records):
            for i, row in enumerate(record.matrix):
                stack[s, i] = [np.nan if x is None else x for x in row]
        return stack

    @cached_property
    def matrix(self) -> FloatArray:
        """Mean over seeds: shape (T, T)."""
        return np.asarray(self.stack.mean(axis=0))

    @cached_property
    def zero_shot(self) -> FloatArray:
        """The initial model's row, mean over the records that have one: shape (T,); NaN where none has."""
        rows = [r.zero_shot[r.label_space] for r in self.records if r.zero_shot.get(r.label_space)]
        if not rows:
            return np.full(len(self.tasks), np.nan)
        values = np.array([[np.nan if x is None else x for x in row] for row in rows])
        return np.asarray(values.mean(axis=0))

    @cached_property
    def held_out(self) -> dict[str, HeldOut]:
        """By the digest of a data set that is no task: what all records have of it."""
        names = {held.digest: held.title for held in self.records[0].held_out.values()}
        result = {}
        for digest, title in names.items():
            found = [h for r in self.records for h in r.held_out.values() if h.digest == digest]
            if len(found) == len(self.records) and len({len(held.after) for held in found}) == 1:
                zero_shot = float(np.mean([held.zero_shot for held in found]))
                result[digest] = HeldOut(title, zero_shot, np.array([held.after for held in found]))
        return result

    @cached_property
    def average(self) -> Interval | None:
        """Average in percent with its interval; ``None`` before the end."""
        if not self.finished:
            return None
        count = len(self.tasks)
        return estimate([self.trials], [np.full((count, count), 1 / count**2)])

    @cached_property
    def trials(self) -> tuple[Trial, ...]:
        """The records as statistics see them, with the predictions beside them where they can be read."""
        try:
            return tuple(trial_of(record) for record in self.records)
        except RecordError:  # a table of the same records says so
            return tuple(load_trial(record) for record in self.records)

    @cached_property
    def half_widths(self) -> FloatArray:
        """Half the width of the 95 % interval of each entry of ``matrix``; NaN where there is none."""
        count = len(self.tasks)
        half = np.full((count, count), np.nan)
        if not self.finished:
            return half
        for i, j in np.ndindex(count, count):
            half[i, j] = self.half_width(single(count, i, j))
        return half

    @cached_property
    def drift_half_widths(self) -> FloatArray:
        """Half the width of the 95 % interval of ``matrix - zero_shot``, paired by image: shape (T, T)."""
        count = len(self.tasks)
        half = np.full((count, count), np.nan)
        initial = self._initial
        if not self.finished or initial is None:
            return half
        pairs = [pair_up(self.trials, [initial])]
        for i, j in np.ndindex(count, count):
            bounds = paired_difference(pairs, [single(count, i, j)]).bounds
            half[i, j] = np.nan if bounds is None else (bounds[1] - bounds[0]) / 2
        return half

    @cached_property
    def _initial(self) -> Trial | None:
        record = self.records[0]
        try:
            return zero_shot_trial(record, predictions_folder(record, folder_of(record)))
        except RecordError:
            return zero_shot_trial(record)

    def half_width(self, weights: FloatArray) -> float:
        """Return half the width of the 95 % interval of ``sum(weights * A)``; NaN where there is none."""
        found = estimate([self.trials], [weights]) if self.finished else None
        return np.nan if found is None or found.half_width is None else found.half_width

    @property
    def seeds(self) -> str:
        """In words: ``seed 0`` or ``mean of 3 seeds``."""
        if len(self.records) > 1:
            return f"mean of {len(self.records)} seeds"
        return f"seed {self.records[0].seed}"


@dataclass(frozen=True)
class Subject:
    """Runs of one protocol, which may stand in one figure.

    Attributes:
        group: what they share.
        courses: best Average first, unfinished ones last.
        stem: names the group in file names, such as ``mini-I``; unique among the subjects of one call.
        metric: the one that figures of ranks are of.
        against: the row that figures of differences are to; empty: the best.
    """

    group: Group
    courses: tuple[Course, ...]
    stem: str
    metric: str = "average"
    against: str = ""

    @property
    def records(self) -> tuple[Record, ...]:
        """Those of all courses."""
        return tuple(record for course in self.courses for record in course.records)

    @property
    def tasks(self) -> tuple[TaskRecord, ...]:
        """In the order in which they were learned."""
        return self.courses[0].tasks

    def slug(self, course: Course) -> str:
        """The course's name in file names, unique within the subject."""
        slugs = [_slug(c.label) for c in self.courses]
        mine = _slug(course.label)
        if slugs.count(mine) == 1:
            return mine
        alike = [c for c, slug in zip(self.courses, slugs, strict=True) if slug == mine]
        return f"{mine}-{alike.index(course) + 1}"


def subjects_of(records: Iterable[Record]) -> list[Subject]:
    """Return one subject for each group of comparable records, in the order of the leaderboard's tables."""
    groups = grouped(records)
    stems = [_slug(f"{g.stream}-{g.order}") for g in groups]
    subjects = []
    for (group, members), stem in zip(groups.items(), stems, strict=True):
        unique = stem if stems.count(stem) == 1 else f"{stem}-{group.label_space}-{group.fingerprint[:6]}"
        subjects.append(Subject(group, courses_of(members), unique))
    return subjects


def over_seeds(values: FloatArray) -> FloatArray:
    """Return half the width of Student's 95 % interval along the first axis; NaN for fewer than three seeds.

    For what has no predictions, such as data sets that are held out.
    """
    if len(values) < ENOUGH:
        return np.full(values.shape[1:], np.nan)
    columns = np.moveaxis(values, 0, -1)
    half = [mean_interval(column.tolist()).half_width for column in columns.reshape(-1, len(values))]
    return np.array(half, dtype=np.float64).reshape(values.shape[1:])


def bands(course: Course) -> str:
    """Return what the bands of a course by itself are, as a sentence; empty where it has none."""
    covers = course.average.covers if course.average else ()
    return f" Bands: 95 % intervals over {in_words(covers)}." if covers else ""


def single(count: int, i: int, j: int) -> FloatArray:
    """Return the weights of one entry of the matrix: shape (count, count)."""
    weights = np.zeros((count, count))
    weights[i, j] = 1
    return weights


def courses_of(records: Sequence[Record]) -> tuple[Course, ...]:
    """Return the courses of records of one protocol, best Average first, unfinished ones last."""
    courses = [_course(variant) for variant in variants(records)]
    return tuple(sorted(courses, key=_rank))


def _course(variant: Variant) -> Course:
    if variant.finished:
        return Course(variant.label, variant.finished)
    return Course(variant.label, (max(variant.records, key=lambda record: record.rows),))


def _rank(course: Course) -> tuple[bool, float, str]:
    average = course.average
    return average is None, -average.mean if average else 0.0, course.label


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.") or "run"
