"""The stream loop: supervisors that hold the labels, workers that learn and answer, and what they share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench.lazy import lazy_names

if TYPE_CHECKING:
    from clbench.runs.supervisor.course import RunOutcome, run_folder
    from clbench.runs.supervisor.executing import execute
    from clbench.runs.workbench import Workbench, resolve_device

__all__ = ["RunOutcome", "Workbench", "execute", "resolve_device", "run_folder"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        ".supervisor.course": ("RunOutcome", "run_folder"),
        ".supervisor.executing": ("execute",),
        ".workbench": ("Workbench", "resolve_device"),
    },
)
