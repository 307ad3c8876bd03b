"""What the harness measures of a run's cost, and where: costs of different machines do not compare."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from clbench.boards.figures.courses import Course
from clbench.results.records import Record

__all__ = ["COSTS", "Cost", "machines_of", "values_of"]


@dataclass(frozen=True)
class Cost:
    """A quantity that the harness measures of a run.

    Attributes:
        title: with its unit, for an axis.
        of: reads it from a record; ``None`` where it was not measured.
    """

    title: str
    of: Callable[[Record], float | None]


def _seconds(record: Record) -> float | None:
    seconds = record.resources.learn_seconds
    return sum(seconds) if seconds else None


def _memory(record: Record) -> float | None:
    peak = record.resources.peak_memory_bytes
    return None if peak is None else peak / 2**30


COSTS: tuple[Cost, ...] = (
    Cost("seconds to learn all tasks", _seconds),
    Cost("peak memory in GiB", _memory),
    Cost(
        "trained parameters (most in a task)", lambda r: max(r.resources.trainable_parameters, default=None)
    ),
    Cost(
        "stored parameters after the last task",
        lambda r: r.resources.stored_parameters[-1] if r.resources.stored_parameters else None,
    ),
)
"""What is drawn, in the order of the panels."""


def machines_of(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Split finished records by the machine they were made on, most first; costs of others do not compare."""
    found: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record.status == "finished":
            found[record.provenance.machine].append(record)
    return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0])))


def values_of(course: Course, cost: Cost) -> list[float]:
    """Of each seed; none where a seed lacks it."""
    found = [cost.of(record) for record in course.records]
    return [float(value) for value in found if value is not None] if None not in found else []
