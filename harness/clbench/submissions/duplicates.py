"""Whether the answers of one run are another's under a new name.

Two honest runs agree where both are right, and where neither has moved from the initial model: neither tells
anything. What a method learned wrongly is its own: of the images on which one of two runs left the initial
model's answer and one of them is wrong, honest runs of this project's methods agree on at most 73 %, two
seeds of one method included, and a copy on all. The first task is left out: methods that only differ in what
they do from the second task on agree on it with reason, and so do runs that hardly learn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from clbench.errors import SubmissionError
from clbench.printing import one_line
from clbench.results.predictions import ZERO_SHOT_ROW, PredictionKey, Predictions
from clbench.results.records import Record

__all__ = ["LIKE", "Answered", "likeness", "require_its_own"]

LIKE = 0.9
"""From so much agreement on it runs are called the same; see the module."""
FEWEST = 100
"""On fewer such answers nothing can be said."""
_SPACES = ("union", "seen", "task")  # the one in which most can go wrong first


@dataclass(frozen=True)
class Answered:
    """A run with its answers, and what it is called in messages."""

    label: str
    record: Record
    predictions: Predictions


def likeness(a: Answered, b: Answered) -> float | None:
    """Return the share of what either learned wrongly on which both give the same answer.

    ``None`` where that says nothing: other tasks or another order, other test images, or too few answers.
    """
    keys = [task.key for task in a.record.stream.tasks]
    if keys != [task.key for task in b.record.stream.tasks]:
        return None
    space = next((s for s in _SPACES if s in a.record.matrices and s in b.record.matrices), None)
    if space is None:
        return None
    same = total = 0
    for task in keys:
        truth, other = a.predictions.truth.get(task), b.predictions.truth.get(task)
        if truth is None or other is None or not np.array_equal(truth, other):
            return None
        for row in range(1, len(keys)):
            counted = _wrong(a, b, space, row, task, truth)
            if counted is not None:
                same, total = same + counted[0], total + counted[1]
    return same / total if total >= FEWEST else None


def _wrong(
    a: Answered, b: Answered, space: str, row: int, task: str, truth: npt.NDArray[np.integer[Any]]
) -> tuple[int, int] | None:
    """On how many images both give the same learned, wrong answer; and on how many one of them does."""
    answers = [a.predictions.answers, b.predictions.answers]
    now = [each.get(PredictionKey(space, row, task)) for each in answers]
    before = [each.get(PredictionKey(space, ZERO_SHOT_ROW, task)) for each in answers]
    if any(each is None or each.shape != truth.shape for each in (*now, *before)):
        return None
    of_a, of_b, first_a, first_b = (each for each in (*now, *before) if each is not None)
    asked = ((of_a != first_a) | (of_b != first_b)) & ((of_a != truth) | (of_b != truth))
    return int(((of_a == of_b) & asked).sum()), int(asked.sum())


def require_its_own(mine: Answered, other: Answered, *, deterministic: bool) -> None:
    """Refuse a run whose answers are those of ``other`` under another name, author or seed.

    Args:
        mine: what is to be admitted.
        other: what is there, or comes with it.
        deterministic: whether the method is known to give the same answers from every seed.

    Raises:
        SubmissionError: they are; names both.
    """
    a, b = mine.record, other.record
    renamed = (a.method.name, a.method.distribution) != (b.method.name, b.method.distribution)
    if not renamed and (a.seed == b.seed or deterministic):
        return  # the same run under other circumstances, or equal by nature
    share = likeness(mine, other)
    if share is None or share < LIKE:
        return
    whose = [f"{one_line(r.method.name)} of {one_line(r.method.distribution)}, seed {r.seed}" for r in (a, b)]
    hint = (
        "submit a run of the method itself"
        if renamed
        else "run that seed; of a method that draws nothing one seed is enough, or its plugin declares "
        "MethodSpec(deterministic=True)"
    )
    raise SubmissionError(
        f"{one_line(mine.label)} is not admitted: its answers are those of {one_line(other.label)}",
        why=f"{whose[0]} and {whose[1]} agree on {100 * share:.1f} % of what either learned wrongly; "
        f"runs of their own agree on less than {100 * LIKE:.0f} %",
        fix=hint,
    )
