"""Published runs as Parquet: a row for each run, and a row for each accuracy."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any

from clbench.results.predictions import ZERO_SHOT_ROW
from clbench.submissions.archive import Submission
from clbench.submissions.index import Index

__all__ = ["ACCURACIES_FILE", "RUNS_FILE", "accuracies_table", "runs_table"]

RUNS_FILE = "runs.parquet"
ACCURACIES_FILE = "accuracies.parquet"


def runs_table(index: Index) -> bytes:
    """The index as a table: one row a run; figures in percent, unrounded."""
    import pandas as pd

    frame = pd.DataFrame(list(index.entries)).astype({"shots": "Int64"})
    return bytes(frame.to_parquet(index=False))


def accuracies_table(submissions: Sequence[Submission], before: bytes | None) -> bytes:
    """Every accuracy of every run: ``before`` without the runs that are there anew, and these.

    Columns: run_id, method, stream, order, seed, label_space, row (0-based; -1: the initial model), after
    (the task that was learned last; missing for the initial model), task, accuracy (percent).
    """
    import pandas as pd

    frame = pd.DataFrame([row for submission in submissions for row in _rows(submission)])
    if before is not None:
        known = pd.read_parquet(io.BytesIO(before))
        frame = pd.concat([known[~known["run_id"].isin(frame["run_id"])], frame], ignore_index=True)
    return bytes(frame.to_parquet(index=False))


def _rows(submission: Submission) -> Iterator[dict[str, Any]]:
    record = submission.record
    tasks = [task.key for task in record.stream.tasks]
    run = {
        "run_id": record.run_id,
        "method": record.method.name,
        "stream": record.stream.name,
        "order": record.stream.order,
        "seed": record.seed,
    }
    for space, matrix in record.matrices.items():
        rows = (record.zero_shot.get(space, ()), *matrix)
        for number, row in enumerate(rows, start=ZERO_SHOT_ROW):
            after = None if number == ZERO_SHOT_ROW else tasks[number]
            for task, accuracy in zip(tasks, row, strict=False):
                yield {
                    **run,
                    "label_space": space,
                    "row": number,
                    "after": after,
                    "task": task,
                    "accuracy": accuracy,
                }
