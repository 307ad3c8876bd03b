"""Made-up but valid records, for tests of boards, formats and whatever else reads records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from clbench.results.fingerprint import fingerprint
from clbench.results.records import (
    BackboneRecord,
    MethodRecord,
    Provenance,
    Record,
    Resources,
    StreamRecord,
    TaskRecord,
    measure,
)

__all__ = ["make_record", "make_run"]

_START = datetime(2026, 1, 1, tzinfo=UTC)


def make_record(
    matrix: Sequence[Sequence[float | None]] = ((80.0, 40.0), (70.0, 90.0)),
    *,
    method: str = "toy",
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    sources: Mapping[str, str] | None = None,
    zero_shot: Sequence[float] | None = None,
    stream: str = "toy-stream",
    order: str = "default",
    backbone: str = "toy-clip",
    protocol: Mapping[str, str] | None = None,
    minutes: int = 0,
    method_fields: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Record:
    """Return a finished record of ``matrix`` (T×T, percent); everything else has a harmless default.

    Args:
        matrix: rows = after task i, columns = task j.
        method, seed, stream, order, backbone: names.
        settings, sources: of the method; ``sources`` are ``default`` where not given.
        zero_shot: percent per task; 50 where not given.
        protocol: replaces fields of the fingerprint.
        minutes: when the run ended, after a fixed moment.
        method_fields: replaces fields of the method's part.
        changes: replaces fields of the record.

    Raises:
        pydantic.ValidationError: the result contradicts itself.
    """
    width = len(matrix[0])
    settings = dict(settings or {"lr": 0.1})
    space = str(changes.get("label_space", "task"))
    values: dict[str, Any] = {
        "schema_version": 1,
        "run_id": f"{method}-{stream}-{order}-{backbone}-{seed}-{sorted(settings.items())}",
        "status": "finished",
        "method": MethodRecord(
            **{
                "name": method,
                "title": method.title(),
                "distribution": f"clbench-{method}",
                "version": "1.0",
                "settings": settings,
                "settings_sources": {**dict.fromkeys(settings, "default"), **(sources or {})},
                **(method_fields or {}),
            }
        ),
        "stream": StreamRecord(
            name=stream,
            protocol="toy protocol",
            order=order,
            tasks=tuple(
                TaskRecord(key=f"t{j}", title=f"Task {j}", classes=10, train=100, test=100)
                for j in range(width)
            ),
        ),
        "backbone": BackboneRecord(name=backbone, weights_digest="w", activation="gelu", parameters=1000),
        "seed": seed,
        "config": {"method": method, "seed": seed},
        "fingerprint": fingerprint(
            **{
                "stream": stream,
                "class_names": "c",
                "templates": "t",
                "train_split": "r",
                "test_split": "e",
                "preprocessing": "p",
                "weights": "w",
                "label_space": space,
                "batch_composition": "natural",
                **(protocol or {}),
            }
        ),
        "label_space": space,
        "zero_shot": {space: tuple(zero_shot or (50.0,) * width)},
        "matrices": {space: tuple(tuple(row) for row in matrix)},
        "metrics": measure(matrix) if len(matrix) == width else None,
        "resources": Resources(learn_seconds=(1.0,) * len(matrix)),
        "provenance": Provenance(
            commit=None,
            dirty=None,
            versions={"clbench": "0.1.0"},
            plugins={f"clbench-{method}": "1.0"},
            python="3.11",
            platform="Linux x86_64",
            device="cpu",
            threads=1,
            started=_START,
            finished=_START + timedelta(minutes=1 + minutes),
        ),
    }
    return Record.model_validate(values | changes)


def make_run(
    folder: Path,
    right: Sequence[npt.ArrayLike],
    *,
    zero_shot: Sequence[npt.ArrayLike] | None = None,
    **fields: Any,
) -> Record:
    """Write a made-up but valid run to ``folder``: its record and its predictions; return the record.

    Args:
        folder: is made.
        right: for each task whether its images were answered right, shape (T, n_j): rows = after task i.
        zero_shot: the same of the initial model, shape (n_j,); no image where not given.
        fields: of :func:`make_record`. ``order_of`` names the tasks' keys, if not ``t0, t1, …``.
    """
    from clbench.results.predictions import ZERO_SHOT_ROW, save_predictions
    from clbench.results.store import write_record

    answered = [np.asarray(task, dtype=bool) for task in right]
    initial = [np.asarray(task, dtype=bool) for task in zero_shot or [np.zeros(a.shape[1]) for a in answered]]
    keys = fields.pop("order_of", None) or [f"t{j}" for j in range(len(answered))]
    truth = {
        key: np.arange(a.shape[1]) % 3 + 3 * j for j, (key, a) in enumerate(zip(keys, answered, strict=True))
    }
    space = str(fields.get("label_space", "task"))
    answers = {}
    for key, rows, first in zip(keys, answered, initial, strict=True):
        for i, hits in [(ZERO_SHOT_ROW, first), *enumerate(rows)]:
            answers[space, i, key] = np.where(hits, truth[key], truth[key] + 1)
    file = save_predictions(folder, answers, truth)
    matrix = [[100.0 * int(a[i].sum()) / a.shape[1] for a in answered] for i in range(len(answered))]
    record = make_record(
        matrix, zero_shot=[100.0 * int(z.sum()) / len(z) for z in initial], predictions=file, **fields
    )
    tasks = tuple(
        task.model_copy(update={"key": key, "test": a.shape[1]})
        for task, key, a in zip(record.stream.tasks, keys, answered, strict=True)
    )
    record = record.evolve(stream=record.stream.model_copy(update={"tasks": tasks}))
    write_record(folder, record)
    return record
