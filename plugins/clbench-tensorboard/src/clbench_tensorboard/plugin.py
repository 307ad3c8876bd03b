"""What this package contributes: the tracker ``tensorboard``."""

from __future__ import annotations

from clbench import TrackerSpec, hookimpl

__all__ = ["clbench_trackers"]


@hookimpl
def clbench_trackers() -> tuple[TrackerSpec, ...]:
    return (
        TrackerSpec(
            name="tensorboard",
            title="TensorBoard",
            summary="event files in the folder of the records",
            factory="clbench_tensorboard.tracker:start",
        ),
    )
