"""``clbench list``: what is installed, and which package gives it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from clbench import __version__
from clbench.cli.session import Session, disable_plugin_option, make_console

if TYPE_CHECKING:
    from clbench.plugins import Contribution, Registry

KINDS = (
    "methods",
    "streams",
    "backbones",
    "generators",
    "datasets",
    "metrics",
    "formats",
    "launchers",
    "trackers",
)

_DETAILS: dict[str, tuple[str, Any]] = {
    "methods": ("needs", lambda spec: ", ".join(spec.requires).replace("_", " ")),
    "streams": ("tasks", lambda spec: f"{len(spec.tasks)} ({sum(t.classes for t in spec.tasks)} classes)"),
    "backbones": ("parameters", lambda spec: f"{spec.parameters / 1e6:.1f} M"),
    "datasets": ("kind", lambda spec: spec.kind),
}

# What clbench itself computes and writes, by name. A test holds these to clbench.results.metrics and
# clbench.boards, which are too heavy to ask for a listing.
BUILT_IN: dict[str, dict[str, str]] = {
    "metrics": {
        "transfer": "mean accuracy on tasks before they are learned",
        "average": "mean accuracy on all tasks over the whole stream",
        "last": "mean accuracy on all tasks after the last one",
        "forgetting": "mean change since a task was learned; negative: forgotten",
    },
    "formats": {
        "text": "for terminals",
        "md": "Markdown",
        "csv": "unrounded, for programs",
        "latex": "with booktabs",
        "html": "a page",
        "json": "unrounded, for programs",
    },
}


@click.command("list")
@click.argument("kind", type=click.Choice([*KINDS, "all"]), default="all")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@disable_plugin_option
@click.pass_context
def list_(ctx: click.Context, kind: str, as_json: bool) -> None:
    """List what is installed, with the package that gives it."""
    registry = Session.of(ctx).registry
    kinds = KINDS if kind == "all" else (kind,)
    if as_json:
        click.echo(json.dumps({each: _rows(registry, each) for each in kinds}, indent=1, ensure_ascii=False))
    else:
        _print_tables(registry, kinds, named=kind != "all")
    broken = [report for report in registry.reports if report.status == "broken"]
    if broken:
        names = ", ".join(f"{report.name} ({report.label})" for report in broken)
        click.secho(f"broken plugins: {names}; see clbench plugins", fg="yellow", err=True)


def _rows(registry: Registry, kind: str) -> list[dict[str, str]]:
    rows = [
        {
            "name": name,
            "title": name.capitalize(),
            "summary": text,
            "package": "clbench",
            "version": __version__,
        }
        for name, text in BUILT_IN.get(kind, {}).items()
    ]
    found: dict[str, Contribution[Any]] = dict(getattr(registry, kind))
    for name, contribution in found.items():
        spec = contribution.spec
        row = {"name": name, "title": spec.title}
        if kind in _DETAILS:
            label, detail = _DETAILS[kind]
            row[label] = detail(spec)
        rows.append(
            {
                **row,
                "summary": spec.summary,
                "package": contribution.distribution,
                "version": contribution.version,
            }
        )
    return rows


def _print_tables(registry: Registry, kinds: tuple[str, ...], *, named: bool) -> None:
    from rich.table import Table

    console = make_console()
    for kind in kinds:
        rows = _rows(registry, kind)
        if not rows:
            if named:
                console.print(f"no {kind} are installed", style="yellow")
            continue
        table = Table(
            title=None if named else kind, title_justify="left", title_style="bold", box=None, pad_edge=False
        )
        for label in rows[0]:
            table.add_column(
                label,
                header_style="dim",
                style="bold cyan" if label == "name" else "dim" if label in ("package", "version") else "",
                no_wrap=label in ("name", "package", "version"),
            )
        for row in rows:
            table.add_row(*row.values())
        console.print(table)
        if not named:
            console.print()
