"""Runs of an MLflow experiment, one experiment a stream."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from clbench.events import Event
from clbench.trackers import RunTracker
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run
from mlflow.exceptions import MlflowException

__all__ = ["DATABASE", "MLflowTracker", "start"]

DATABASE = "mlflow.db"
_KEY = "clbench.run_id"
_LONGEST = 6000  # characters of a parameter


class MLflowTracker(RunTracker[str]):
    """Write to ``MLFLOW_TRACKING_URI``, else to ``OUT/mlflow.db``.

    A run's key is its tag ``clbench.run_id``: the same run again continues there.
    """

    def __init__(self, out: Path) -> None:
        super().__init__(out)
        self.local = "MLFLOW_TRACKING_URI" not in os.environ
        if self.local:
            out.mkdir(parents=True, exist_ok=True)
            uri = f"sqlite:///{(out / DATABASE).absolute()}"
            self.client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        else:
            self.client = MlflowClient()

    def known(self, run: Event) -> bool:
        return self._find(run) is not None

    def open(self, run: Event, params: Mapping[str, str | int | float | bool], step: int) -> str:  # noqa: ARG002
        found = self._find(run)
        if found is not None:
            self.client.update_run(found.info.run_id, status="RUNNING")
            return str(found.info.run_id)
        tags = {
            _KEY: run.run_id,
            "method": run.method,
            "stream": run.stream,
            "order": run.order,
            "backbone": run.backbone,
            "seed": str(run.seed),
            "record": str(run.path.absolute()),
        }
        name = f"{run.method}-{run.order}-seed{run.seed}"
        created = self.client.create_run(self._experiment(run), tags=tags, run_name=name)
        entries = [Param(key, str(value)[:_LONGEST]) for key, value in params.items()]
        self.client.log_batch(created.info.run_id, params=entries)
        return str(created.info.run_id)

    def log(self, handle: str, step: int, figures: Mapping[str, float]) -> None:
        now = int(time.time() * 1000)
        entries = [Metric(name, value, now, step) for name, value in figures.items()]
        self.client.log_batch(handle, metrics=entries)

    def close(
        self, handle: str, status: str, reason: str, summary: Mapping[str, float], files: Sequence[Path]
    ) -> None:
        self.log(handle, 0, summary)
        if reason:
            self.client.set_tag(handle, "reason", reason)
        for file in files:
            self.client.log_artifact(handle, str(file))
        self.client.set_terminated(handle, "FINISHED" if status == "finished" else "FAILED")

    def _experiment(self, run: Event) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or f"clbench-{run.stream}"
        found = self.client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        # A server knows where its artifacts go; the local database is told.
        place = (self.out / "mlflow-artifacts").absolute().as_uri() if self.local else None
        try:
            return str(self.client.create_experiment(name, artifact_location=place))
        except MlflowException:
            # Another process may have created it since.
            found = self.client.get_experiment_by_name(name)
            if found is None:
                raise
            return str(found.experiment_id)

    def _find(self, run: Event) -> Run | None:
        found = self.client.search_runs([self._experiment(run)], f"tags.`{_KEY}` = '{run.run_id}'")
        return found[0] if found else None


def start(out: Path) -> MLflowTracker:
    """Return the tracker, connected to the server or the local database."""
    return MLflowTracker(out)
