"""What this package contributes: the tracker ``mlflow``."""

from __future__ import annotations

from clbench import TrackerSpec, hookimpl

__all__ = ["clbench_trackers"]


@hookimpl
def clbench_trackers() -> tuple[TrackerSpec, ...]:
    return (
        TrackerSpec(
            name="mlflow",
            title="MLflow",
            summary="runs of an MLflow experiment: a local SQLite file, unless MLFLOW_TRACKING_URI says where",
            factory="clbench_mlflow.tracker:start",
        ),
    )
