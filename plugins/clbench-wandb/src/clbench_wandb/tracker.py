"""Runs of a Weights & Biases project."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import wandb
from clbench.errors import ConfigError
from clbench.events import Event
from clbench.trackers import RunTracker

__all__ = ["WandbTracker", "start"]

_STEP = "tasks learned"
_NOTE = "clbench-run-ids"  # of the runs that were sent from this folder of records


class WandbTracker(RunTracker[Any]):
    """Write to the project ``WANDB_PROJECT``, else ``clbench``; files of ``wandb`` lie in ``OUT/wandb``.

    A run's key is its id there: the same run again continues it.
    """

    def known(self, run: Event) -> bool:
        # Asked of the files here: offline there is nobody else to ask.
        note = self.out / "wandb" / _NOTE
        return note.exists() and run.run_id in note.read_text(encoding="utf-8").split()

    def open(self, run: Event, params: Mapping[str, str | int | float | bool], step: int) -> Any:  # noqa: ARG002
        self.out.mkdir(parents=True, exist_ok=True)
        handle = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "clbench"),
            id=run.run_id,
            name=f"{run.method}-{run.order}-seed{run.seed}",
            group=f"{run.stream}-{run.order}-{run.backbone}",
            job_type=run.method,
            tags=[run.method, run.stream, f"order {run.order}"],
            config={**params, "record": str(run.path.absolute())},
            dir=str(self.out),
            resume="allow",
            reinit="create_new",
            settings=wandb.Settings(silent=True, console="off", disable_git=True, disable_code=True),
        )
        # Rows have their own axis: the service's own counts calls, and refuses to go back.
        handle.define_metric(_STEP)
        handle.define_metric("*", step_metric=_STEP)
        if not self.known(run):
            with (self.out / "wandb" / _NOTE).open("a", encoding="utf-8") as note:
                note.write(f"{run.run_id}\n")
        return handle

    def log(self, handle: Any, step: int, figures: Mapping[str, float]) -> None:
        handle.log({**figures, _STEP: step})

    def close(
        self, handle: Any, status: str, reason: str, summary: Mapping[str, float], files: Sequence[Path]
    ) -> None:
        handle.summary.update({**summary, "status": status, **({"reason": reason} if reason else {})})
        if files:
            artifact = wandb.Artifact(f"record-{handle.id}", type="record")
            for file in files:
                artifact.add_file(str(file))
            handle.log_artifact(artifact)
        handle.finish(exit_code=0 if status == "finished" else 1)


def start(out: Path) -> WandbTracker:
    """Return the tracker.

    Raises:
        ConfigError: there is no key of the service, and it is not offline; a run must not wait for a login.
    """
    mode = os.environ.get("WANDB_MODE", "online")
    if mode == "online" and not wandb.login(prompt=False, verify=False):
        raise ConfigError(
            "--track wandb has no key of Weights & Biases",
            why="neither WANDB_API_KEY nor a login of `wandb login` is there",
            fix="wandb login, or WANDB_MODE=offline to keep everything here (wandb sync sends it later)",
        )
    return WandbTracker(out)
