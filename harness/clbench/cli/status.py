"""``clbench status``: what is done, worked on, failed, or was left by a process that died."""

from __future__ import annotations

import textwrap
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clbench.cli.session import disable_plugin_option
from clbench.printing import as_json, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clbench.results.presence import Presence
    from clbench.results.status import RunState

__all__ = ["status"]

_COLOURS = {"running": "cyan", "stale": "yellow", "failed": "red", "stopped": "yellow", "finished": "green"}
_WIDTHS = {"state": 10, "method": 16, "stream": 14, "order": 10, "seed": 6, "tasks": 9}
_WIDTH = 79


@click.command("status", short_help="Say what is done, running, failed or left behind.")
@click.argument("paths", metavar="[FOLDER]…", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="json is for programs.",
)
@disable_plugin_option
def status(paths: tuple[Path, ...], form: str) -> None:
    """Say of each run under FOLDER (default: runs) what it is at.

    \b
    running    a process works on it: which, since when, at which task and step
    stale      a process worked on it and is dead: the same command goes on
    failed     it ended with an error
    stopped    it was ended before its last task: the same command goes on
    finished   all tasks are learned and tested
    """
    from clbench.results.status import states_of

    found = states_of(paths or (Path("runs"),))
    if form == "json":
        click.echo(as_json([each.as_json() for each in found]))
        return
    if not found:
        click.echo(f"there is no run under {', '.join(one_line(path) for path in paths or ('runs',))}")
        return
    click.echo(_summary(found))
    click.echo("".join(f"{name:<{width}}" for name, width in _WIDTHS.items()).rstrip())
    for each in found:
        cells = {
            "state": each.state,
            "method": each.method or "–",
            "stream": each.stream or "–",
            "order": each.order or "–",
            "seed": "–" if each.seed is None else str(each.seed),
            "tasks": f"{each.rows}/{each.tasks}",
        }
        fitted = [f"{one_line(cells[name], width - 1):<{width}}" for name, width in _WIDTHS.items()]
        click.echo(click.style(fitted[0], fg=_COLOURS.get(each.state)) + "".join(fitted[1:]).rstrip())
        for line in _details(each):
            click.echo("\n".join(textwrap.wrap(line, _WIDTH, initial_indent="  ", subsequent_indent="    ")))


def _summary(found: Sequence[RunState]) -> str:
    from clbench.results.status import STATES

    counts = Counter(each.state for each in found)
    parts = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
    return f"{len(found)} run{'s' * (len(found) != 1)}: {parts}\n"


def _details(each: RunState) -> list[str]:
    """What else is to be said of a run that is not finished."""
    if each.state == "finished" and not each.why:
        return []
    lines = [one_line(str(each.folder))]
    if each.presence is not None:
        lines += [_step(each.presence), _process(each.presence)]
    if each.why:
        lines.append(one_line(each.why, 400))
    if each.state in ("stale", "stopped"):
        lines.append("the command that began it goes on where it stopped")
    return [line for line in lines if line]


def _step(presence: Presence) -> str:
    parts = [one_line(presence.phase, 40)]
    if presence.task is not None:
        parts.append(f"{one_line(presence.task, 40)} (task {presence.index + 1} of {presence.tasks})")
    if presence.total > 1:
        parts.append(f"step {presence.done} of {presence.total}")
    return ", ".join(part for part in parts if part)


def _process(presence: Presence) -> str:
    worker = f", worker {presence.worker}" if presence.worker is not None else ""
    since, seen = (f"{moment:%Y-%m-%d %H:%M:%S %Z}" for moment in (presence.started, presence.seen))
    return f"process {presence.pid} on {one_line(presence.host, 40)}{worker}; since {since}; seen {seen}"
