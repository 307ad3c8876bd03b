"""``clbench list claims``: the published rows by number and name, with what was run for them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import click

from clbench.boards.claims.tables import as_printed
from clbench.cli.session import make_console
from clbench.results.claims import METRICS

if TYPE_CHECKING:
    from clbench.plugins import Registry
    from clbench.reproduction.catalogue import Listed

__all__ = ["list_rows"]


def list_rows(registry: Registry, methods: Sequence[str], *, as_json: bool) -> None:
    """Print the published rows of ``methods`` (default: of all).

    Raises:
        UnknownNameError, ConfigError: a method is not installed, or has no rows.
    """
    from clbench.reproduction.catalogue import catalogue, claims_of

    for method in methods:
        claims_of(registry, method)
    found, problems = catalogue(registry, methods)
    rows = [row for of_method in found.values() for row in of_method]
    if as_json:
        click.echo(json.dumps([_plain(row) for row in rows], indent=1, ensure_ascii=False))
    else:
        _print(rows)
    for problem in problems:
        click.secho(f"left out: {problem.line}", fg="yellow", err=True)


def _plain(row: Listed) -> dict[str, Any]:
    claim, preset = row.claim, row.claim.run
    facts = claim.model_dump(mode="json", exclude={"preset", "transfer", "average", "last"})
    return {
        "method": claim.method,
        "number": row.number,
        "name": row.name,
        **{name: value for name, value in facts.items() if name != "method"},
        **{name: getattr(claim, name) for name in METRICS},
        "preset": None if preset is None else preset.model_dump(mode="json"),
        "command": None if claim.incomparable else f"clbench reproduce {claim.method} {row.number}",
    }


def _print(rows: Sequence[Listed]) -> None:
    from rich.table import Table
    from rich.text import Text

    console = make_console()
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("method", "no."):
        side: Literal["left", "right"] = "left" if title == "method" else "right"
        table.add_column(title, no_wrap=True, style="bold cyan", justify=side)
    table.add_column("name", min_width=22, overflow="fold")
    table.add_column("T/A/L", no_wrap=True)
    for title in ("protocol", "labels"):
        table.add_column(title, no_wrap=True)
    table.add_column("preset", overflow="fold")
    table.add_column("source", style="dim", overflow="fold")
    for row in rows:
        claim = row.claim
        preset = (claim.incomparable and "cannot be run") or (claim.run.name if claim.run else "the defaults")
        whose = "" if claim.run is None or claim.incomparable else f" ({claim.run.origin})"
        cells = (
            *(claim.method, str(row.number), row.name, _figures(row)),
            *(claim.protocol, claim.label_space, f"{preset}{whose}", f"{claim.table}, {claim.kind}"),
        )
        table.add_row(*map(Text, cells))
    console.print(table)
    click.echo("T/A/L: Transfer, Average and Last in percent, as printed")
    click.echo("to run one: clbench reproduce METHOD NUMBER, or its name")


def _figures(row: Listed) -> str:
    figures = row.claim.figures
    return "/".join(as_printed(figures[name]) if name in figures else "–" for name in METRICS)
