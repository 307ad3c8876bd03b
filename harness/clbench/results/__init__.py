"""Records, metrics, statistics and provenance. Nothing here imports torch."""

from __future__ import annotations

from clbench.results import metrics
from clbench.results.fingerprint import Fingerprint, FingerprintFields, differences, fingerprint
from clbench.results.predictions import (
    ZERO_SHOT_ROW,
    PredictionKey,
    Predictions,
    load_predictions,
    save_predictions,
)
from clbench.results.records import (
    SCHEMA_VERSION,
    AssumptionsRecord,
    BackboneRecord,
    Failure,
    MethodRecord,
    Metrics,
    PredictionsFile,
    Provenance,
    Record,
    Resources,
    StreamRecord,
    TaskRecord,
    measure,
)
from clbench.results.statistics.intervals import Interval, mean_interval
from clbench.results.store import (
    RECORD_FILE,
    LoadedRecords,
    Problem,
    StoredRecord,
    find_records,
    load_records,
    read_record,
    write_record,
)

__all__ = [
    "RECORD_FILE",
    "SCHEMA_VERSION",
    "ZERO_SHOT_ROW",
    "AssumptionsRecord",
    "BackboneRecord",
    "Failure",
    "Fingerprint",
    "FingerprintFields",
    "Interval",
    "LoadedRecords",
    "MethodRecord",
    "Metrics",
    "PredictionKey",
    "Predictions",
    "PredictionsFile",
    "Problem",
    "Provenance",
    "Record",
    "Resources",
    "StoredRecord",
    "StreamRecord",
    "TaskRecord",
    "differences",
    "find_records",
    "fingerprint",
    "load_predictions",
    "load_records",
    "mean_interval",
    "measure",
    "metrics",
    "read_record",
    "save_predictions",
    "write_record",
]
