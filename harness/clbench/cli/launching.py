"""Hand runs to a plugin's launcher, and collect what became of them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from clbench.specs import LauncherSpec, load_reference

if TYPE_CHECKING:
    from clbench.config import RunConfig
    from clbench.runs import RunOutcome

__all__ = ["execute_job", "launch"]


def execute_job(
    config: RunConfig, *, out: Path, disabled: tuple[str, ...], track: tuple[str, ...] = ()
) -> RunOutcome:
    """Execute one run in whichever process this is called, with plain lines of progress."""
    from clbench.cli.plain import PlainDisplay
    from clbench.cli.tracking import Tracker
    from clbench.plugins import get_registry
    from clbench.runs import execute

    with PlainDisplay(Tracker([config])) as listener:
        registry = get_registry(disabled).tracked(track, out)
        return execute(registry, [config], out=out, listener=listener)[0]


def launch(
    launcher: LauncherSpec,
    configs: Sequence[RunConfig],
    *,
    out: Path,
    disabled: tuple[str, ...],
    track: tuple[str, ...] = (),
) -> list[RunOutcome]:
    """Let ``launcher`` execute the runs, wherever; outcomes are read from the records that they leave."""
    from clbench.errors import RecordError
    from clbench.results import read_record
    from clbench.runs import RunOutcome, run_folder

    # A partial of a function of a module can be pickled, so that launchers may send it elsewhere.
    load_reference(launcher.factory)(
        list(configs), functools.partial(execute_job, out=out.absolute(), disabled=disabled, track=track)
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
