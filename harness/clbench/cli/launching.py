"""Hand runs to a plugin's launcher, and collect what became of them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clbench.specs import LauncherSpec, load_reference

if TYPE_CHECKING:
    from clbench.config import RunConfig
    from clbench.plugins import Origin
    from clbench.runs import RunOutcome

__all__ = ["Manner", "execute_job", "launch"]


@dataclass(frozen=True)
class Manner:
    """How runs are executed here.

    Attributes:
        jobs: how many at once; ``None``: as many as there is room for.
        stall_timeout: seconds of silence after which a run is given up; 0: never.
        in_process: ``True``: without processes of their own.
    """

    jobs: int | None = 1
    stall_timeout: float = 3600.0
    in_process: bool | None = None

    @classmethod
    def read(cls, jobs: str, stall_timeout: float, in_process: bool) -> Manner:
        """Read the options of the command line.

        Raises:
            ConfigError: they cannot be, or not together.
        """
        from clbench.errors import ConfigError

        if jobs != "auto" and not (jobs.isascii() and jobs.isdigit() and 0 < int(jobs[:9]) < 10_000):
            raise ConfigError(f"--jobs cannot be {jobs!r}", fix="give a whole number from 1, or auto")
        if in_process and jobs not in ("1", "auto"):
            raise ConfigError(
                f"--in-process does not go with --jobs {jobs}",
                why="one process runs one method at a time",
                fix="leave one of them out",
            )
        return cls(None if jobs == "auto" else int(jobs), stall_timeout, in_process or None)


def execute_job(config: RunConfig, *, out: Path, origin: Origin, track: tuple[str, ...] = ()) -> RunOutcome:
    """Execute one run in whichever process this is called, with plain lines of progress."""
    from clbench.cli.plain import PlainDisplay
    from clbench.cli.tracking import Tracker
    from clbench.plugins import get_registry
    from clbench.runs import execute

    with PlainDisplay(Tracker([config])) as listener:
        registry = get_registry(origin.disabled, origin.files).tracked(track, out)
        return execute(registry, [config], out=out, listener=listener)[0]


def launch(
    launcher: LauncherSpec,
    configs: Sequence[RunConfig],
    *,
    out: Path,
    origin: Origin,
    track: tuple[str, ...] = (),
) -> list[RunOutcome]:
    """Let ``launcher`` execute the runs, wherever; outcomes are read from the records that they leave."""
    from clbench.errors import RecordError
    from clbench.results import read_record
    from clbench.runs import RunOutcome, run_folder

    # A partial of a function of a module can be pickled, so that launchers may send it elsewhere.
    load_reference(launcher.factory)(
        list(configs), functools.partial(execute_job, out=out.absolute(), origin=origin, track=track)
    )
    outcomes = []
    for config in configs:
        path = run_folder(out, config)
        try:
            record = read_record(path)
        except RecordError as error:
            reason = f"the launcher {launcher.name!r} left no record: {error.what}"
            outcomes.append(RunOutcome(config, path, "failed", reason))
            continue
        if record.status == "finished":
            outcomes.append(RunOutcome(config, path, "finished"))
        else:
            reason = record.failure.error if record.failure else f"stopped after {record.rows} tasks"
            outcomes.append(RunOutcome(config, path, "failed", reason))
    return outcomes
