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
            summary="runs of an MLflow experiment, in a local SQLite file or where MLFLOW_TRACKING_URI says",
            factory="clbench_mlflow.tracker:start",
        ),
    )
