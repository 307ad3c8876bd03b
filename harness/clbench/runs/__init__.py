"""The stream loop, evaluation, checkpoints, resources: executing what was planned."""

from clbench.runs.execution import RunOutcome, execute, run_folder
from clbench.runs.workbench import Workbench, resolve_device

__all__ = ["RunOutcome", "Workbench", "execute", "resolve_device", "run_folder"]
