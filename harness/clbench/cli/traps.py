"""``clbench traps``: where published code and paper differ, what is switched, and what it is worth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clbench.cli.session import Session, disable_plugin_option, make_console

if TYPE_CHECKING:
    from clbench.boards.traps.listing import Listed
    from clbench.config import RunConfig
    from clbench.plugins import Registry
    from clbench.runs import RunOutcome

__all__ = ["traps"]

_SEEDS = "0,1,2"


@click.command("traps", short_help="List where published code and paper differ; measure what it is worth.")
@click.argument("names", nargs=-1, metavar="[METHOD[/TRAP] …]")
@click.option(
    "-f",
    "--format",
    "format_",
    default="text",
    show_default=True,
    type=click.Choice(["text", "md", "json"]),
    help="md and json have the sources, too.",
)
@click.option("--measure", is_flag=True, help="Run both forms, and compare what they score.")
@click.option("--all", "everything", is_flag=True, help="With --measure: the traps of all methods.")
@click.option(
    "--measured",
    "recorded",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Compare recorded runs that differ in one trap alone (repeatable); nothing is run.",
)
@click.option("-s", "--stream", metavar="NAME|FILE.yaml", help="With --measure.  [default: mini]")
@click.option("--order", metavar="NAME", help="With --measure.  [default: the stream's]")
@click.option("--seeds", metavar="0,1,…", help=f"With --measure: seeds of each form.  [default: {_SEEDS}]")
@click.option(
    "--set",
    "set_",
    multiple=True,
    metavar="METHOD.KEY=VALUE",
    help="With --measure: a setting of both forms, such as fewer iterations for a trial (repeatable).",
)
@click.option("-o", "--out", metavar="FOLDER", help="Where records go and are looked for.  [default: runs]")
@click.option("--device", metavar="cpu|cuda|auto", help="With --measure.  [default: auto]")
@click.option("-j", "--jobs", metavar="N|auto", default="1", help="Runs at once.  [default: 1]")
@click.option("--dry-run", is_flag=True, help="With --measure: say how many runs there are to do, and stop.")
@click.option("--plain", is_flag=True, help="Plain lines instead of the live display.")
@disable_plugin_option
@click.pass_context
def traps(
    ctx: click.Context,
    /,
    names: tuple[str, ...],
    format_: str,
    measure: bool,
    everything: bool,
    recorded: tuple[Path, ...],
    set_: tuple[str, ...],
    jobs: str,
    dry_run: bool,
    plain: bool,
    **flags: str | None,
) -> None:
    """List traps: places where a method's published code and its paper differ, or its code and sense.

    Each is a setting with a published and an intended value. METHOD is a method or a stream, or one trap of
    it as the list has it; all without any. Which form a recorded run has: clbench show run PATH, and
    clbench leaderboard --form.

    With --measure both forms of each trap are run, as clbench run does it, and their paired differences are
    printed. Runs that are recorded already are not repeated, and a measurement that was stopped goes on.
    """
    from clbench.boards.traps.listing import render_traps, render_traps_in_full
    from clbench.boards.traps.measuring import render_measured
    from clbench.cli.measuring import compare_recorded

    registry = Session.of(ctx).registry
    _check(names, measure, everything, recorded, {**flags, "set": ", ".join(set_)}, dry_run)
    found = chosen(registry, names)
    if measure:
        _measure(ctx, registry, found, format_, set_, jobs, dry_run, plain, flags)
    elif recorded:
        measured, notes = compare_recorded(registry, found, recorded)
        click.echo(render_measured(measured, format_, notes))  # type: ignore[arg-type]
    elif names and format_ == "text":
        click.echo(render_traps_in_full(found))
    else:
        click.echo(render_traps(found, format_))  # type: ignore[arg-type]


def chosen(registry: Registry, names: Sequence[str]) -> list[Listed]:
    """The traps of these methods, streams, or names.

    Raises:
        UnknownNameError: there is no such method, stream or trap.
        ConfigError: a method or stream declares none.
    """
    from clbench.boards.traps.listing import listed
    from clbench.errors import ConfigError, UnknownNameError
    from clbench.traps import TrapBook

    book = TrapBook.of(registry)
    declared = {**book.methods, **book.streams}
    for name in names:
        owner, slash, trap = name.partition("/")
        if owner not in registry.methods and owner not in registry.streams:
            raise UnknownNameError("method or stream", owner, [*registry.methods, *registry.streams])
        if slash and trap not in (known := [each.id for each in declared.get(owner, ())]):
            raise UnknownNameError(f"trap of {owner}", trap, known, fix=f"see them: clbench traps {owner}")
        if owner not in declared:
            raise ConfigError(
                f"{owner} declares no traps",
                why="nothing is known of where its published code and its paper differ",
                fix="see those that are declared: clbench traps",
            )
    tuned = {name: each.spec.tuned for name, each in registry.methods.items()}
    return listed(book, tuned, names)


def _check(
    names: Sequence[str],
    measure: bool,
    everything: bool,
    recorded: Sequence[Path],
    flags: dict[str, Any],
    dry_run: bool,
) -> None:
    """Refuse options that do nothing, and a measurement of hours that nobody asked for."""
    from clbench.errors import ConfigError

    if measure and recorded:
        raise ConfigError(
            "--measure runs both forms, --measured reads recorded ones", fix="leave one of them out"
        )
    if measure and not names and not everything:
        raise ConfigError(
            "all traps of all methods are some hundred runs",
            fix="name a method or a trap: clbench traps METHOD --measure; or say --all",
        )
    if names and everything:
        raise ConfigError(f"--all measures more than {names[0]}", fix="leave one of them out")
    if not measure:
        given = [name for name, value in flags.items() if value] + ["all"] * everything
        given += ["dry-run"] * dry_run
        if given:
            raise ConfigError(
                f"--{given[0]} is for measuring", why="nothing is run without --measure", fix="add --measure"
            )


def _measure(
    ctx: click.Context,
    registry: Registry,
    found: Sequence[Listed],
    format_: str,
    set_: Sequence[str],
    jobs: str,
    dry_run: bool,
    plain: bool,
    flags: dict[str, str | None],
) -> None:
    import sys
    from contextlib import redirect_stdout

    from clbench.boards.traps.measuring import render_measured
    from clbench.cli.launching import Manner
    from clbench.cli.measuring import compare_forms, plan_forms
    from clbench.cli.run import execute, read_options

    manner = Manner.read(jobs, 3600.0, False)
    options = read_options(None, set_, {"seeds": _SEEDS, **{k: v for k, v in flags.items() if v is not None}})
    plans, configs = plan_forms(registry, found, options)
    out = options.out or Path("runs")
    click.echo(_said(configs, out), err=True)
    if dry_run:
        return
    outcomes: list[RunOutcome] = []
    if configs:
        with redirect_stdout(sys.stderr):  # the table alone goes to stdout
            console = make_console(file_width=120)
            outcomes = execute(ctx, registry, configs, options, out, plain, console, manner)
    click.echo(render_measured(compare_forms(plans, out), format_))  # type: ignore[arg-type]
    ctx.exit(1 if any(outcome.status == "failed" for outcome in outcomes) else 0)


def _said(configs: Sequence[RunConfig], out: Path) -> str:
    """How many runs there are, and how many of them are recorded already."""
    from clbench.errors import RecordError
    from clbench.results import RECORD_FILE, read_record
    from clbench.runs import run_folder

    done = 0
    for config in configs:
        path = run_folder(out, config) / RECORD_FILE
        try:
            done += path.exists() and read_record(path).status == "finished"
        except RecordError:
            continue  # it is run again
    methods = len({config.method for config in configs})
    return f"{len(configs)} runs of {methods} methods, of which {done} are recorded in {out}"
