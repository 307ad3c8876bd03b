"""``clbench plugins``: what became of each plugin."""

from __future__ import annotations

import click

from clbench.cli.session import Session, disable_plugin_option, make_console
from clbench.installing import how_to_install

_MARKS = {"ok": ("✓ ok", "green"), "broken": ("✗ broken", "red"), "disabled": ("– disabled", "dim")}


@click.command("plugins", short_help="Show what is installed, what is broken and why.")
@click.option("-v", "--verbose", is_flag=True, help="Print the traceback of what is broken.")
@disable_plugin_option
@click.pass_context
def plugins(ctx: click.Context, verbose: bool) -> None:
    """Show each plugin's status, what it gives, and why it is broken."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    session = Session.of(ctx)
    session.plugin_commands(ctx.find_root().command.commands)  # type: ignore[attr-defined]
    reports = session.registry.reports
    console = make_console()
    if not reports:
        console.print(f"no plugins are installed; install one: {how_to_install('clbench-mini')}")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for label in ("plugin", "package", "version", "status"):
        table.add_column(label, no_wrap=True)
    table.add_column("gives")
    for report in reports:
        mark, style = _MARKS[report.status]
        gives = "; ".join(
            f"{kind if len(names) == 1 else kind + 's'} {', '.join(names)}"
            for kind, names in report.contributions.items()
            if names
        )
        others = [hook for hook in report.hooks if hook[len("clbench_") : -1] not in report.contributions]
        extra = ", ".join(hook.removeprefix("clbench_").replace("_", " ") for hook in others)
        if report.status == "ok" or report.contributions:
            gives = "; ".join(part for part in (gives, extra and f"hooks: {extra}") if part)
        table.add_row(report.name, report.distribution, report.version, Text(mark, style=style), gives)
    console.print(table)
    for report in reports:
        if report.status == "broken":
            console.print()
            console.print(Text(f"{report.name} ({report.label})", style="bold red"))
            console.print(Padding(Text(report.error), (0, 0, 0, 2), expand=False))
            if verbose and report.traceback:
                console.print(
                    Padding(Text(report.traceback.rstrip(), style="dim"), (0, 0, 0, 2), expand=False)
                )
