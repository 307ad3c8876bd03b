"""``clbench list``: what is installed, and which package gives it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from clbench import __version__
from clbench.cli.counts import counted
from clbench.cli.session import Session, disable_plugin_option, make_console
from clbench.definitions import METRICS, RIVALS

if TYPE_CHECKING:
    from clbench.plugins import Contribution, Registry

_NUMBERS = ("tasks", "classes", "train", "test", "shots", "parameters")
# Of streams the numbers are what one compares; words stand aside where there is no room for them.
_ROOM_FOR = {"title": 160, "labels": 160, "summary": 160, "version": 160, "package": 92}
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
CLAIMS = "claims"

_DETAILS: dict[str, dict[str, Callable[[Any], str]]] = {
    "methods": {"needs": lambda spec: ", ".join(spec.requires).replace("_", " ")},
    "streams": {
        "tasks": lambda spec: counted(len(spec.tasks)),
        "classes": lambda spec: counted(spec.total("classes")),
        "train": lambda spec: counted(spec.total("train")),
        "test": lambda spec: counted(spec.total("test")),
        "shots": lambda spec: counted(spec.shots) if spec.shots else "all",
        "protocol": lambda spec: spec.protocol or "–",
        "labels": lambda spec: spec.label_space,
    },
    "backbones": {"parameters": lambda spec: f"{spec.parameters / 1e6:.1f} M"},
    "datasets": {"kind": lambda spec: str(spec.kind)},
    "metrics": {"formula": lambda spec: spec.formula, "source": lambda spec: spec.source},
}

# What clbench itself computes and writes, by name. A test holds the formats to clbench.boards, which is too
# heavy to ask for a listing.
BUILT_IN: dict[str, dict[str, str]] = {
    "formats": {
        "text": "for terminals",
        "md": "Markdown",
        "csv": "unrounded, for programs",
        "latex": "for papers, with booktabs",
        "html": "a page",
        "json": "unrounded, for programs",
        "parquet": "unrounded and typed, for programs; a file",
    },
}


@click.command("list", short_help="List what is installed, with the package that gives it.")
@click.argument("kind", metavar="[KIND]", type=click.Choice([*KINDS, CLAIMS, "all"]), default="all")
@click.argument("method", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.option(
    "-f", "--format", "format_", type=click.Choice(["text", "json"]), help="json: the same as --json."
)
@disable_plugin_option
@click.pass_context
def list_(ctx: click.Context, kind: str, method: str | None, as_json: bool, format_: str | None) -> None:
    """List what is installed, with the package that gives it.

    KIND is methods, streams, backbones, generators, datasets, metrics, formats, launchers or trackers; all
    without one. With claims, the published rows that clbench reproduce can run, all or those of METHOD.
    """
    registry, as_json = Session.of(ctx).registry, as_json or format_ == "json"
    if kind == CLAIMS:
        from clbench.cli.rows import list_rows

        list_rows(registry, [method] if method else (), as_json=as_json)
        return
    if method is not None:
        raise click.UsageError(f"only claims are listed by method: clbench list claims {method}")
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
    if kind == "metrics":
        rows += [_row(kind, spec, "clbench", __version__) for spec in (*METRICS, *RIVALS)]
    found: dict[str, Contribution[Any]] = dict(getattr(registry, kind))
    return rows + [_row(kind, each.spec, each.distribution, each.version) for each in found.values()]


def _row(kind: str, spec: Any, package: str, version: str) -> dict[str, str]:
    row = {"name": spec.name, "title": spec.title}
    row |= {label: detail(spec) for label, detail in _DETAILS.get(kind, {}).items()}
    return {**row, "summary": spec.summary, "package": package, "version": version}


def _print_tables(registry: Registry, kinds: tuple[str, ...], *, named: bool) -> None:
    from rich.markup import escape
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
        room = _ROOM_FOR if kind == "streams" else {}
        labels = [label for label in rows[0] if console.width >= room.get(label, 0)]
        for label in labels:
            table.add_column(
                label,
                header_style="dim",
                style="bold cyan" if label == "name" else "dim" if label in ("package", "version") else "",
                no_wrap=label in ("name", "package", "version", "protocol", *_NUMBERS),
                justify="right" if label in _NUMBERS else "left",
            )
        for row in rows:
            table.add_row(*(escape(row[label]) for label in labels))
        console.print(table)
        if not named:
            console.print()
