"""What this package contributes: the tracker ``wandb``."""

from __future__ import annotations

from clbench import TrackerSpec, hookimpl

__all__ = ["clbench_trackers"]


@hookimpl
def clbench_trackers() -> tuple[TrackerSpec, ...]:
    return (
        TrackerSpec(
            name="wandb",
            title="Weights & Biases",
            summary="runs of a Weights & Biases project; WANDB_MODE=offline works without an account",
            factory="clbench_wandb.tracker:start",
        ),
    )
