"""``clbench run``: from a command line to a leaderboard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clbench.cli.session import (
    Session,
    disable_plugin_option,
    make_console,
    manner_options,
    plugin_option,
)

if TYPE_CHECKING:
    from rich.console import Console

    from clbench.cli.launching import Manner
    from clbench.cli.live import LiveDisplay
    from clbench.cli.plain import PlainDisplay
    from clbench.config import Options, RunConfig
    from clbench.plugins import Registry
    from clbench.runs import RunOutcome

_MOST_FIGURES = 6


@click.command("run", short_help="Run methods on a stream and print the leaderboard.")
@click.option("-m", "--methods", metavar="A,B,…", help="Methods, with commas between them.")
@click.option("-s", "--stream", metavar="NAME|FILE.yaml", help="Stream of tasks.  [default: mini]")
@click.option(
    "--backbone",
    metavar="NAME|ARCHITECTURE:FILE|hf:FOLDER",
    help="Pre-trained model, or weights in a file.  [default: the stream's]",
)
@click.option(
    "--order", metavar="NAME", help="Published order of tasks, or random-SEED.  [default: the stream's]"
)
@click.option("--seeds", metavar="0,1,…", help="One run a seed and method.  [default: 0]")
@click.option(
    "--set", "set_", multiple=True, metavar="METHOD.KEY=VALUE", help="Change a setting (repeatable)."
)
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE.yaml",
    help="Options from a file; the command line goes before it.",
)
@click.option("-o", "--out", metavar="FOLDER", help="Where records go.  [default: runs]")
@click.option("--device", metavar="cpu|cuda|auto", help="Where it is computed.  [default: auto]")
@click.option(
    "--generator",
    metavar="NAME",
    help="Text-to-image model of methods that need one.  [default: the stream's]",
)
@click.option("--precision", metavar="fp32|bf16|fp16", help="Of forward passes.  [default: fp32]")
@click.option(
    "--label-space",
    metavar="task|seen|union",
    help="Classes a model may answer with in the ranked matrix.  [default: the stream's]",
)
@click.option("--eval-batch", metavar="N", help="Images per batch when testing.  [default: 256]")
@click.option(
    "--checkpoint-steps",
    metavar="N",
    help="Keep the middle of a task every N steps.  [default: as often as costs 1 % of the time]",
)
@click.option(
    "--batches",
    metavar="natural|mixed|single",
    help="Test batches: one task after another, images of all tasks shuffled, or each image by itself.  "
    "[default: natural]",
)
@click.option(
    "--held-out",
    metavar="A,B,…",
    help="Data sets of no task to test after each task (clbench list datasets).",
)
@manner_options
@click.option("--launcher", metavar="NAME", help="How runs are executed.  [default: one after another, here]")
@click.option(
    "--track", metavar="A,B,…", help="Show runs in these services while they go on (clbench list trackers)."
)
@click.option(
    "--dry-run", is_flag=True, help="Check names and settings, print the resolved configuration, and stop."
)
@plugin_option
@disable_plugin_option
@click.pass_context
def run(
    ctx: click.Context,
    /,
    config: Path | None,
    set_: tuple[str, ...],
    dry_run: bool,
    plain: bool,
    jobs: str,
    stall_timeout: float,
    in_process: bool,
    **flags: Any,
) -> None:
    """Run methods on a stream: learn task after task, test all tasks after each, record, rank.

    The same command again goes on where it was stopped, and repeats nothing that is finished.
    """
    from clbench.cli.launching import Manner
    from clbench.cli.planning import changed_code, check_output, plan_table
    from clbench.config import resolve

    manner = Manner.read(jobs, stall_timeout, in_process)
    registry = Session.of(ctx).registry
    options = read_options(config, set_, flags)
    out = options.out or Path("runs")
    configs = resolve(registry, options, out=out)
    check_output(configs, out)
    console = make_console(file_width=120)
    console.print(plan_table(configs, registry))
    for note in changed_code(configs, out):
        click.secho(note, fg="yellow")
    if dry_run:
        return
    outcomes = execute(ctx, registry, configs, options, out, plain, console, manner)
    report(outcomes, out)
    ctx.exit(1 if any(outcome.status == "failed" for outcome in outcomes) else 0)


def read_options(config: Path | None, assignments: Sequence[str], flags: dict[str, Any]) -> Options:
    """The command line over the file."""
    from clbench.config import Options, read_file

    options = Options.read({**flags, "set": list(assignments)}, "the command line")
    return options.over(read_file(config)) if config is not None else options


def execute(
    ctx: click.Context,
    registry: Registry,
    configs: Sequence[RunConfig],
    options: Options,
    out: Path,
    plain: bool,
    console: Console,
    manner: Manner,
) -> list[RunOutcome]:
    """Execute the runs with a display; Ctrl-C leaves what is recorded and says how to go on."""
    from clbench.cli.launching import launch
    from clbench.cli.stopping import say_stopped, stopping_signals
    from clbench.plugins import Origin
    from clbench.runs import execute as execute_here

    try:
        if options.launcher is not None:
            launcher = registry.find("launcher", options.launcher).spec
            return launch(
                launcher,
                configs,
                out=out,
                origin=registry.origin or Origin(),
                track=options.track or (),
            )
        registry = registry.tracked(options.track or (), out)
        with stopping_signals(), display(configs, console, plain) as listener:
            return execute_here(
                registry,
                configs,
                out=out,
                listener=listener,
                jobs=manner.jobs,
                in_process=manner.in_process,
                stall_timeout=manner.stall_timeout,
            )
    except KeyboardInterrupt as interrupt:
        ctx.exit(say_stopped(interrupt))


def display(configs: Sequence[RunConfig], console: Console, plain: bool) -> LiveDisplay | PlainDisplay:
    """The live display on a terminal, else plain lines."""
    from clbench.cli.tracking import Tracker

    tracker = Tracker(configs)
    if plain or not console.is_terminal or console.is_dumb_terminal:
        from clbench.cli.plain import PlainDisplay

        return PlainDisplay(tracker)
    from clbench.cli.live import LiveDisplay

    return LiveDisplay(tracker, console)


def report(outcomes: Sequence[RunOutcome], out: Path) -> None:
    """Print the leaderboard of these runs, what failed and why, and where everything lies."""
    from clbench.boards import leaderboard, render
    from clbench.cli.figures import SCATTER_FIGURE, draw_figures
    from clbench.results import RECORD_FILE

    recorded = [outcome.path for outcome in outcomes if (outcome.path / RECORD_FILE).exists()]
    if recorded:
        click.echo()
        click.echo(render(leaderboard(recorded)))
    failed: dict[str, list[RunOutcome]] = {}
    for outcome in outcomes:
        if outcome.status == "failed":
            failed.setdefault(outcome.reason, []).append(outcome)
    for reason, runs in failed.items():  # what many runs lack, such as data, is said once
        who = ", ".join(f"{run.config.method} seed {run.config.seed}" for run in runs)
        click.secho(f"\nfailed: {who}: {reason}", fg="red")
        for run in runs:
            click.echo(f"  details: {run.path}")
    figures = draw_figures(outcomes)
    click.echo(f"\nrecords: {out}")
    if len(figures) > _MOST_FIGURES:
        # Each run's figure lies beside its record; a screen full of paths says no more.
        click.echo(f"figures: {figures[0].parent.parent}/*/{figures[0].name} ({len(outcomes)} runs)")
        figures = [figure for figure in figures if figure.name == SCATTER_FIGURE]
    for figure in figures:
        click.echo(f"figure:  {figure}")
    if recorded:
        click.echo(f"table:   clbench leaderboard {out}; one run: clbench show run {recorded[-1]}")
        click.echo(f"page:    clbench report {out}")
