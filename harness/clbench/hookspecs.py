"""Every hook of clbench. A plugin implements any of them in a module that it names as an entry point
of group ``clbench``, each function marked with :data:`clbench.hookimpl`.

Lifecycle: *contribute* (what exists) → *extend* (commands, launchers, trackers) → *observe* (a run's events).
Contributing hooks return frozen specs from :mod:`clbench.specs` and import nothing heavy.
Observing hooks cannot change a number: an exception in one is logged and the run goes on.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    import click

    from clbench.events import RowRecorded, RunFinished, RunStarted, TaskLearned
    from clbench.specs import (
        BackboneSpec,
        DatasetSpec,
        FormatSpec,
        GeneratorSpec,
        LauncherSpec,
        MethodSpec,
        MetricSpec,
        StreamSpec,
        TrackerSpec,
    )

hookspec = pluggy.HookspecMarker("clbench")
hookimpl = pluggy.HookimplMarker("clbench")


@hookspec
def clbench_methods() -> Iterable[MethodSpec]:  # type: ignore[empty-body]
    """Return the continual-learning methods this plugin provides."""


@hookspec
def clbench_streams() -> Iterable[StreamSpec]:  # type: ignore[empty-body]
    """Return the task streams this plugin provides."""


@hookspec
def clbench_datasets() -> Iterable[DatasetSpec]:  # type: ignore[empty-body]
    """Return data outside of tasks: reference images and texts, pools of class names."""


@hookspec
def clbench_backbones() -> Iterable[BackboneSpec]:  # type: ignore[empty-body]
    """Return the CLIP-like models this plugin provides."""


@hookspec
def clbench_generators() -> Iterable[GeneratorSpec]:  # type: ignore[empty-body]
    """Return the text-to-image models this plugin provides."""


@hookspec
def clbench_metrics() -> Iterable[MetricSpec]:  # type: ignore[empty-body]
    """Return further figures of an accuracy matrix, offered as leaderboard columns."""


@hookspec
def clbench_formats() -> Iterable[FormatSpec]:  # type: ignore[empty-body]
    """Return further leaderboard formats for ``clbench leaderboard --format``."""


@hookspec
def clbench_commands(app: click.Group) -> None:
    """Add commands to the ``clbench`` command line. Import nothing heavy before a command runs."""


@hookspec
def clbench_launchers() -> Iterable[LauncherSpec]:  # type: ignore[empty-body]
    """Return further ways to execute planned runs, offered as ``clbench run --launcher``."""


@hookspec
def clbench_trackers() -> Iterable[TrackerSpec]:  # type: ignore[empty-body]
    """Return services that show runs while they go on, offered as ``clbench run --track``."""


@hookspec
def clbench_run_started(event: RunStarted) -> None:
    """Observe that a method starts or resumes on a stream."""


@hookspec
def clbench_task_learned(event: TaskLearned) -> None:
    """Observe that a task has been learned; nothing has been tested yet."""


@hookspec
def clbench_row_recorded(event: RowRecorded) -> None:
    """Observe that a row of the accuracy matrix is on disk."""


@hookspec
def clbench_run_finished(event: RunFinished) -> None:
    """Observe that a run has ended, finished or failed."""
