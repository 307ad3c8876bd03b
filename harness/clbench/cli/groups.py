"""``clbench stream groups``: which test images are alike, for runs recorded before their stream named it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clbench.cli.session import Session, disable_plugin_option
from clbench.errors import ClbenchError, RecordError

if TYPE_CHECKING:
    from clbench.plugins import Registry
    from clbench.results import Record

__all__ = ["groups"]

_SAME = "had already"


@click.command("groups", short_help="Add groups of test images to records made before the stream named them.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH…", type=click.Path(path_type=Path))
@click.option(
    "--stream",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.yaml",
    help="Of a stream that no plugin gives.  [default: the file that the run was made with]",
)
@disable_plugin_option
@click.pass_context
def groups(ctx: click.Context, paths: tuple[Path, ...], file: Path | None) -> None:
    """Add groups of test images to the finished runs under PATHS (docs/statistics.md).

    Intervals draw groups of test images that are alike where the predictions name them. A run from before its
    stream named any gets those of the stream that is installed, if images, labels, classes and templates are
    those of the record's fingerprint. No answer and no figure changes, intervals do; the record says by whom
    the groups were added. Runs that have them already are left as they are.
    """
    from clbench.results import load_records

    registry = Session.of(ctx).registry
    loaded = load_records(paths)
    if not (loaded.stored or loaded.problems):
        raise RecordError(
            f"there is no record under {', '.join(map(str, paths))}",
            why="a run's folder holds record.json",
            fix="name the folder that `clbench run --out` wrote to",
        )
    said: Counter[str] = Counter()
    problems = [str(problem) for problem in loaded.problems]
    for path, record in ((each.path, each.record) for each in loaded.stored):
        try:
            said[_added(path.parent, record, registry, file)] += 1
        except ClbenchError as error:
            problems.append(f"{path}: {error.line}")
    for what, count in said.most_common():
        click.echo(f"{count:,} record{'s' * (count != 1)}: {what}")
    for line in problems:
        click.secho(f"wrong: {' '.join(line.split())}", fg="red", err=True)
    if problems:
        ctx.exit(1)


def _added(folder: Path, record: Record, registry: Registry, file: Path | None) -> str:
    """Do it, and return what was done or why nothing was."""
    from clbench.results.regrouping import add_groups
    from clbench.submissions.streamchecks import stream_of

    if record.status != "finished" or record.predictions is None:
        why = f"it is {record.status}" if record.status != "finished" else "it has no predictions"
        return f"left as it is: {why}"
    theirs = record.config.get("stream_file")
    own = Path(theirs) if isinstance(theirs, str) and Path(theirs).is_file() else None
    found = stream_of(record, registry, file or own)
    if isinstance(found, str):
        return f"left as it is: {found}"
    contribution, stream = found
    by = f"{contribution.distribution} {contribution.version}"
    named = {task.key: task.test.groups for task in stream.tasks if task.test.groups is not None}
    if not named and not any(task.groups is not None for task in record.stream.tasks):
        return f"left as it is: stream {record.stream.name} of {by} names no groups of test images"
    changed = add_groups(folder, named, by)
    if changed is None:
        return f"{_SAME} the groups of stream {record.stream.name} of {by}"
    draws = sum(task.test if task.groups is None else task.groups for task in changed.stream.tasks)
    images = sum(task.test for task in changed.stream.tasks)
    return f"now with the groups of stream {record.stream.name} of {by}: {draws:,} draws of {images:,} images"
