"""What a record can be asked by itself: is it whole, and do its parts say the same?"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from clbench.config.runconfig import RunConfig
from clbench.errors import RecordError
from clbench.results.metrics import METRICS
from clbench.results.records import Record, measure
from clbench.submissions.archive import Submission
from clbench.submissions.checks import Check, concluded, failed, unchecked

__all__ = ["RECORD_CHECKS", "check_schema"]


def check_schema(submission: Submission) -> tuple[Check, Record | None]:
    """The form of the record; without it nothing else can be checked."""
    name = "schema"
    try:
        record = submission.record
    except RecordError as error:
        return failed(name, error.what, [error.why]), None
    twice = sorted(set(_keys_given_twice(submission.members["record.json"])))
    sentence = (
        f"the record is complete, of schema version {record.schema_version}, and contradicts itself nowhere"
    )
    bad = "the record gives a key twice, so that two readers may read two values"
    return concluded(name, sentence, bad, twice), record


def check_completeness(record: Record) -> Check:
    """A finished run with every row and every accuracy."""
    return concluded(
        "completeness",
        f"the run is finished: {record.rows} rows of {len(record.stream.tasks)} tasks in the label spaces "
        f"{', '.join(record.matrices)}, with a zero-shot row in each",
        "the run is not complete",
        _gaps(record),
    )


def _gaps(record: Record) -> Iterator[str]:
    if record.status != "finished":
        yield f"it is {record.status}"
    for space, rows in record.matrices.items():
        if space not in record.zero_shot:
            yield f"label space {space} has no zero-shot row"
        for i, row in enumerate((record.zero_shot.get(space, ()), *rows), start=-1):
            where = "zero-shot" if i < 0 else f"A[{i}, {{}}]"
            yield from (
                f"label space {space}: no accuracy {where.format(j)}" for j, a in enumerate(row) if a is None
            )


def check_metrics(record: Record) -> Check:
    """Transfer, Average, Last and Forgetting, to the last digit."""
    name = "metrics"
    if record.metrics is None:
        return failed(name, "the record has no metrics", [f"it is {record.status}"])
    computed = measure(record.matrix)
    pairs = {metric: (getattr(record.metrics, metric), getattr(computed, metric)) for metric in METRICS}
    differing = {metric: pair for metric, pair in pairs.items() if pair[0] != pair[1]}
    lines = [
        f"{metric} is {said!r}, the matrix gives {found!r}" for metric, (said, found) in differing.items()
    ]
    recorded = record.provenance.versions.get("numpy", "an unknown version")
    if (
        lines
        and recorded != np.__version__
        and all(
            said is not None and found is not None and math.isclose(said, found, rel_tol=1e-13, abs_tol=1e-13)
            for said, found in differing.values()
        )
    ):
        # Sums of floating-point numbers may be taken in another order there.
        sentence = f"equal up to rounding; the last digit needs NumPy {recorded}, here is {np.__version__}"
        return unchecked(name, f"{sentence}: {'; '.join(lines)}")
    good = ", ".join(
        f"{metric.capitalize()} {found:.2f}" for metric, (_, found) in pairs.items() if found is not None
    )
    return concluded(
        name,
        f"{good} are those of the matrix, to the last digit",
        "metrics are not those of the matrix",
        lines,
    )


def check_configuration(record: Record) -> Check:
    """The run's key is that of the configuration, and the configuration is that of the record."""
    name = "configuration"
    try:
        config = RunConfig.from_json(record.config)
        key = config.key
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        return failed(name, "the configuration is none that this clbench knows", [str(error)])
    return concluded(
        name,
        f"the run's key {record.run_id} is that of the configuration, which the record agrees with",
        "the configuration is not that of the record",
        _contradictions(record, config, key),
    )


def _contradictions(record: Record, config: RunConfig, key: str) -> Iterator[str]:
    if key != record.run_id:
        yield f"run_id is {record.run_id}, the configuration's key {key}"
    pairs: Mapping[str, tuple[Any, Any]] = {
        "method": (config.method, record.method.name),
        "stream": (config.stream, record.stream.name),
        "order": (config.order, record.stream.order),
        "backbone": (config.backbone, record.backbone.name),
        "seed": (config.seed, record.seed),
        "label_space": (config.label_space, record.label_space),
        "label_spaces": (sorted(config.label_spaces), sorted(record.matrices)),
        "held_out": (sorted(config.held_out), sorted(record.held_out)),
        "settings": (dict(config.settings), record.method.settings),
        "settings_sources": (dict(config.settings_sources), record.method.settings_sources),
    }
    for field, (configured, recorded) in pairs.items():
        if configured != recorded:
            yield f"{field} is {configured!r} in the configuration and {recorded!r} in the record"
    if record.generator not in (None, config.generator):
        yield f"generator is {config.generator!r} in the configuration and {record.generator!r} in the record"


def check_fingerprint(record: Record) -> Check:
    """The digest is of the fields (else there is no record), and the fields say what the record says."""
    fields, backbone = record.fingerprint.fields, record.backbone
    precision = record.config.get("precision")
    batches, size = record.config.get("batches", "natural"), record.config.get("eval_batch")
    due = {
        "weights": f"{backbone.weights_digest[:16]}-{backbone.activation}-{precision}",
        "label_space": record.label_space,
        "batch_composition": "single" if batches == "single" else f"{batches}-{size}",
    }
    return concluded(
        "fingerprint",
        f"the protocol's fingerprint {record.fingerprint.digest[:12]}… is of its fields and of this record",
        "the protocol's fingerprint is not that of the record",
        (
            f"{field} is {getattr(fields, field)!r} and should be {value!r}"
            for field, value in due.items()
            if getattr(fields, field) != value
        ),
    )


def _keys_given_twice(content: bytes) -> list[str]:
    twice: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        twice.extend(name for name in names if names.count(name) > 1)
        return dict(pairs)

    json.loads(content, object_pairs_hook=look)
    return twice


RECORD_CHECKS = (
    check_completeness,
    check_metrics,
    check_configuration,
    check_fingerprint,
)
