"""``clbench reproduce``: run what a published row stands for, and set its figures beside the printed ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clbench.cli.session import (
    FiniteFloat,
    Session,
    disable_plugin_option,
    make_console,
    manner_options,
    plugin_option,
)
from clbench.errors import ConfigError

if TYPE_CHECKING:
    from clbench.cli.launching import Manner
    from clbench.config import Options
    from clbench.plugins import Registry
    from clbench.reproduction.demands import Demands
    from clbench.reproduction.plan import Plan


@click.command("reproduce", short_help="Run what a published row stands for, and compare.")
@click.argument("method")
@click.argument("row", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All rows of METHOD that can be run.")
@click.option("--dry-run", is_flag=True, help="Say what is to be run and what it needs, and stop.")
@click.option("--seeds", metavar="0,1,…", help="One run a seed.  [default: 0]")
@click.option("-o", "--out", metavar="FOLDER", help="Where records go.  [default: runs]")
@click.option("--device", metavar="cpu|cuda|auto", help="Where it is computed.  [default: auto]")
@click.option(
    "--backbone",
    metavar="NAME|ARCHITECTURE:FILE|hf:FOLDER",
    help="Other weights than the row's, or its own in a file.  [default: the row's]",
)
@click.option("--launcher", metavar="NAME", help="How runs are executed (clbench list launchers).")
@click.option(
    "--set", "set_", multiple=True, metavar="KEY=VALUE", help="Another setting than the row's (repeatable)."
)
@click.option(
    "--tolerance",
    default=0.5,
    show_default=True,
    type=FiniteFloat(0),
    metavar="POINTS",
    help="How far from the printed figure still counts as reproduced.",
)
@manner_options
@plugin_option
@disable_plugin_option
@click.pass_context
def reproduce(
    ctx: click.Context,
    /,
    method: str,
    row: tuple[str, ...],
    every: bool,
    dry_run: bool,
    set_: tuple[str, ...],
    tolerance: float,
    plain: bool,
    jobs: str,
    stall_timeout: float,
    in_process: bool,
    **flags: Any,
) -> None:
    """Run what a published ROW of METHOD stands for, and set what it gives beside what was printed.

    ROW is its number or its name (clbench list claims METHOD), or words of it: zscl 1, zscl "MTIL, order I",
    zscl mtil II. The same command again goes on where it was stopped, and repeats nothing that is finished.
    """
    from clbench.cli.launching import Manner
    from clbench.reproduction.catalogue import choose, claims_of
    from clbench.reproduction.plan import plan_for

    if every and row:
        raise ConfigError(
            f"--all takes all rows of {method}, and {' '.join(row)!r} names one of them",
            fix=f"leave one of the two out: clbench reproduce {method} --all --dry-run",
        )
    manner = Manner.read(jobs, stall_timeout, in_process)
    registry = Session.of(ctx).registry
    rows = claims_of(registry, method)
    chosen = (
        [each for each in rows if not each.claim.incomparable] if every else [choose(rows, " ".join(row))]
    )
    wishes = _wishes(method, set_, flags)
    plans = [plan_for(each, registry, wishes) for each in chosen]
    failed = False
    for plan in plans:
        demands = _say(plan, registry, wishes)
        if dry_run:
            continue
        if demands.lacking:
            failed = True
            click.secho(f"not started: {len(demands.lacking)} things are missing, see above", fg="red")
            continue
        failed |= not _carry_out(ctx, registry, plan, wishes, plain=plain, manner=manner, tolerance=tolerance)
    ctx.exit(1 if failed else 0)


def _wishes(method: str, assignments: Sequence[str], flags: dict[str, Any]) -> Options:
    """What the user wants otherwise; a setting may be named without its method."""
    from clbench.config import Options

    named = [
        text if "." in text.partition("=")[0] or "=" not in text else f"{method}.{text}"
        for text in assignments
    ]
    return Options.read({**flags, "set": named}, "the command line")


def _say(plan: Plan, registry: Registry, wishes: Options) -> Demands:
    """Print what is going to be run and what it needs."""
    from clbench.cli.reproduction import demands_table, plan_lines
    from clbench.reproduction.demands import demands_of

    console = make_console(file_width=120)
    demands = demands_of(plan.configs[0], registry)
    console.print(plan_lines(plan, registry, wishes.out or Path("runs")))
    console.print(demands_table(demands))
    return demands


def _carry_out(
    ctx: click.Context,
    registry: Registry,
    plan: Plan,
    wishes: Options,
    *,
    plain: bool,
    manner: Manner,
    tolerance: float,
) -> bool:
    """Run it and print the verdict; return whether all its runs are finished."""
    from clbench.boards.claims.tables import figures_grid
    from clbench.boards.claims.verdicts import beside
    from clbench.boards.formats.writing import grids_as_text
    from clbench.cli.run import execute
    from clbench.reproduction.plan import published_settings
    from clbench.results.store import load_records

    out, console = wishes.out or Path("runs"), make_console(file_width=120)
    outcomes = execute(ctx, registry, plan.configs, wishes, out, plain, console, manner)
    for outcome in outcomes:
        if outcome.status == "failed":
            click.secho(f"\nfailed: seed {outcome.config.seed}: {outcome.reason}", fg="red")
            click.echo(f"  details: {outcome.path}")
    finished = [outcome for outcome in outcomes if outcome.status != "failed"]
    if finished:
        claim = plan.row.claim
        records = load_records([outcome.path for outcome in finished]).records
        comparison = beside(
            claim,
            records,
            tolerance=tolerance,
            settings_of=lambda each: published_settings(registry, each)[0],
        )
        grid = figures_grid(f"{plan.row.title}, as {claim.table} prints it", comparison, tolerance)
        click.echo(f"\n{grids_as_text([grid], [])}\n")
        click.echo(f"{comparison.status} (± {tolerance:g} points): {comparison.reason}")
        for outcome in finished:
            click.echo(f"record:  {outcome.path}")
        click.echo(f"all:     clbench claims {out} --methods {claim.method}")
    return len(finished) == len(outcomes)
