"""What a record's predictions say: every figure is computed from them again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import numpy as np

from clbench.errors import RecordError
from clbench.results.predictions import (
    HELD_OUT,
    PREDICTIONS_FILE,
    ZERO_SHOT_ROW,
    PredictionKey,
    Predictions,
    parse_predictions,
)
from clbench.results.records import Record
from clbench.results.rescoring import rescore
from clbench.submissions.archive import Submission
from clbench.submissions.arrays import check_arrays
from clbench.submissions.checks import Check, concluded, failed

__all__ = ["PREDICTION_CHECKS", "check_file"]

_MOST_LINES = 8


def check_file(submission: Submission, record: Record) -> tuple[Check, Predictions | None]:
    """The predictions are the file whose SHA-256 the record has, and can be read without harm."""
    name, content = "predictions", submission.members[PREDICTIONS_FILE]
    bad = "the predictions are not those of the record"
    if record.predictions is None:
        return failed(name, bad, ["the record names none"]), None
    if record.predictions.file != PREDICTIONS_FILE:
        line = f"the record calls them {record.predictions.file!r}, the file is {PREDICTIONS_FILE}"
        return failed(name, bad, [line]), None
    digest = hashlib.sha256(content).hexdigest()
    if digest != record.predictions.sha256:
        line = f"their SHA-256 is {digest}, the record says {record.predictions.sha256}"
        return failed(name, bad, [line]), None
    problems = check_arrays(content)
    if problems:
        return failed(name, "the predictions cannot be read", problems), None
    try:
        found = parse_predictions(content, Path(f"{submission.name}:{PREDICTIONS_FILE}"))
    except RecordError as error:
        return failed(name, "the predictions cannot be read", [error.why]), None
    answers = sum(map(len, found.answers.values()))
    return concluded(name, f"{answers:,} answers, SHA-256 as in the record", bad, ()), found


def check_shape(record: Record, predictions: Predictions) -> Check:
    """An answer to every test image of every task, in every row and label space, and nothing else."""
    images = sum(task.test for task in record.stream.tasks)
    tasks = len(record.stream.tasks)
    good = f"{images:,} test images of {tasks} tasks, each answered in every row and label space"
    return concluded(
        "shape", good, "there are not as many answers as the record says", _miscounts(record, predictions)
    )


def _miscounts(record: Record, predictions: Predictions) -> Iterator[str]:
    rows = range(ZERO_SHOT_ROW, len(record.stream.tasks))
    tests = {task.key: task.test for task in record.stream.tasks}
    due = {PredictionKey(space, row, task) for space in record.matrices for row in rows for task in tests}
    due |= {PredictionKey(HELD_OUT, row, name) for row in rows for name in record.held_out}
    tests |= {name: held.test for name, held in record.held_out.items()}
    yield from _few(f"no answers {_place(key)}" for key in sorted(due - set(predictions.answers)))
    yield from _few(
        f"answers {_place(key)}, of which the record knows nothing"
        for key in sorted(set(predictions.answers) - due)
    )
    for task in sorted(set(tests) ^ set(predictions.truth)):
        yield f"{task}: {'no right answers' if task in tests else 'no task of the record'}"
    for task, columns in sorted(predictions.truth.items()):
        if task in tests and len(columns) != tests[task]:
            yield f"{task}: the record has {tests[task]} test images, the predictions {len(columns)}"


def check_columns(record: Record, predictions: Predictions) -> Check:
    """Right answers are classes of their task; answers are classes that their label space has."""
    classes = sum(task.classes for task in record.stream.tasks)
    good = f"right answers are classes of their task, answers of their label space ({classes} in all)"
    return concluded(
        "label spaces",
        good,
        "there are answers that their label space does not have",
        _outsiders(record, predictions),
    )


def _outsiders(record: Record, predictions: Predictions) -> Iterator[str]:
    tasks = {task.key: number for number, task in enumerate(record.stream.tasks)}
    offsets = [0, *accumulate(task.classes for task in record.stream.tasks)]

    def outside(columns: np.ndarray, low: int, high: int) -> int:
        return int(((columns < low) | (columns >= high)).sum())

    for task, columns in sorted(predictions.truth.items()):
        if task in tasks and (count := outside(columns, offsets[tasks[task]], offsets[tasks[task] + 1])):
            yield f"{task}: {count} right answers are no class of it"
    lines = []
    for name, held in sorted(record.held_out.items()):
        if count := outside(predictions.truth.get(name, np.zeros(0)), 0, held.classes):
            yield f"{name}: {count} right answers are no class of it"
    for key, columns in sorted(predictions.answers.items()):
        if key.label_space == HELD_OUT and key.task in record.held_out:
            classes = record.held_out[key.task].classes
            if count := outside(columns, 0, classes):
                lines.append(f"{count} answers {_place(key)} are not among its {classes} classes")
            continue
        if key.task not in tasks:
            continue
        own = tasks[key.task]
        low, high = {
            "task": (offsets[own], offsets[own + 1]),
            # A task not yet learned is answered among its own classes there.
            "seen": (0, offsets[key.row + 1])
            if own <= key.row < len(tasks)
            else (offsets[own], offsets[own + 1]),
            "union": (0, offsets[-1]),
        }[key.label_space]
        if count := outside(columns, low, high):
            lines.append(f"{count} answers {_place(key)} are not among the classes {low} to {high - 1}")
    yield from _few(lines)


def check_agreement(record: Record, predictions: Predictions) -> Check:
    """The label spaces are one forward pass: the best of many classes is the best of any few with it."""
    return concluded(
        "agreement",
        "answers in the label spaces agree, as answers from the same scores must",
        "answers in the label spaces contradict one another: they are not from the same scores",
        _few(_disagreements(record, predictions)),
    )


def _disagreements(record: Record, predictions: Predictions) -> Iterator[str]:
    offsets = [0, *accumulate(task.classes for task in record.stream.tasks)]
    # With a task's identity the method may score that task's classes otherwise than all.
    granted = record.method.assumptions.task_identity == "given"
    for j, task in enumerate(record.stream.tasks):
        for row in range(ZERO_SHOT_ROW, len(record.stream.tasks)):
            seen = (0, offsets[row + 1]) if j <= row else (offsets[j], offsets[j + 1])
            for wide, narrow, (low, high) in (
                ("union", "seen", seen),
                ("union", "task", (offsets[j], offsets[j + 1])),
                ("seen", "task", (offsets[j], offsets[j + 1])),
            ):
                if granted and (narrow == "task" or j > row):
                    continue
                pair = [
                    predictions.answers.get(PredictionKey(space, row, task.key)) for space in (wide, narrow)
                ]
                if pair[0] is None or pair[1] is None or len(pair[0]) != len(pair[1]):
                    continue
                inside = (pair[0] >= low) & (pair[0] < high)
                if count := int((pair[0][inside] != pair[1][inside]).sum()):
                    place = _place(PredictionKey(narrow, row, task.key))
                    yield f"{count} answers {place} are not those in label space {wide}"


def check_matrices(record: Record, predictions: Predictions) -> Check:
    """Every matrix and zero-shot row, bit for bit."""
    name, bad = "matrices", "the matrices are not those of the predictions"
    try:
        found = rescore(record, predictions)
    except RecordError as error:
        return failed(name, bad, [error.what, error.why])
    lines = [f"label space {each.label_space}: {line}" for each in found for line in each.differences]
    cells = sum(len(each.matrix) * (len(each.matrix) + 1) for each in found)
    good = (
        f"{cells} accuracies in {len(found)} label spaces, zero-shot rows too, are those of the predictions"
    )
    good += ", bit for bit"
    return concluded(name, good, bad, _few(lines))


def _place(key: PredictionKey) -> str:
    when = "zero-shot" if key.row == ZERO_SHOT_ROW else f"after task {key.row}"
    return f"{when} on {key.task} in label space {key.label_space}"


def _few(lines: Iterator[str] | list[str]) -> Iterator[str]:
    """The first lines, and how many more there are."""
    every = list(lines)
    yield from every[:_MOST_LINES]
    if len(every) > _MOST_LINES:
        yield f"… and {len(every) - _MOST_LINES} more"


PREDICTION_CHECKS = (check_shape, check_columns, check_agreement, check_matrices)
