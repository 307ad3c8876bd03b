"""The parts of a report that are of one method: its runs, and its settings with their sources."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from clbench.boards.figures.courses import Course, Subject
from clbench.boards.rerun import rerun_command, rerun_remarks
from clbench.boards.tables.figures import Figures
from clbench.boards.tables.groups import Group
from clbench.boards.tables.rows import columns_of
from clbench.config.options import as_typed
from clbench.results.records import Record
from clbench.results.statistics.intervals import Interval
from clbench.results.store import LoadedRecords

__all__ = ["MethodPart", "RunPart", "Setting", "method_part"]

_SOURCES = {"default": "default (the paper's)", "tuned": "tuned for the stream", "user": "chosen by the user"}


@dataclass(frozen=True)
class Setting:
    """A setting as it is typed, and whose value it is."""

    name: str
    value: str
    source: str
    chosen: bool


@dataclass(frozen=True)
class RunPart:
    """A run: its record, where that lies, and how it is done again."""

    record: Record
    path: Path
    command: str
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class MethodPart:
    """Runs that differ in their seed alone, and what else there is of the method with these settings.

    Attributes:
        course: what is averaged.
        anchor: names it on the page.
        metrics: by title, in percent; empty before the end.
        settings: as recorded.
        runs: all, also those that do not count.
    """

    course: Course
    anchor: str
    metrics: dict[str, Interval]
    settings: tuple[Setting, ...]
    runs: tuple[RunPart, ...]


def method_part(subject: Subject, course: Course, loaded: LoadedRecords) -> MethodPart:
    """Return what is to be said of ``course``, with all runs of ``loaded`` that have its configuration."""
    first = course.records[0]
    alike = [
        stored
        for stored in loaded.stored
        if stored.record in course.records or _same_configuration(stored.record, first, subject)
    ]
    runs = tuple(
        RunPart(s.record, s.path, rerun_command(s.record), rerun_remarks(s.record))
        for s in sorted(alike, key=lambda s: (s.record.seed, str(s.path)))
    )
    settings = tuple(
        Setting(name, as_typed(value), _SOURCES[first.method.settings_sources[name]], chosen)
        for name, value in first.method.settings.items()
        for chosen in [first.method.settings_sources[name] != "default"]
    )
    return MethodPart(course, f"{subject.stem}-{subject.slug(course)}", _metrics(course), settings, runs)


def _same_configuration(a: Record, b: Record, subject: Subject) -> bool:
    """Whether two records differ in nothing but their seed, state and moment."""
    one, other = a.method, b.method
    alike = (one.name, one.version, a.generator) == (other.name, other.version, b.generator)
    return alike and one.settings == other.settings and Group.of(a) == subject.group


def _metrics(course: Course) -> dict[str, Interval]:
    if not course.finished:
        return {}
    figures = Figures(columns_of(("transfer", "average", "last", "forgetting")))
    values = figures.of(course.records, course.trials)
    return {name.capitalize(): interval for name, interval in values.items()}
