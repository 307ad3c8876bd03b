"""``clbench leaderboard``: a table of records, in any format."""

from __future__ import annotations

from pathlib import Path

import click

from clbench.cli.session import Session, disable_plugin_option


@click.command("leaderboard", short_help="Print the leaderboard of recorded runs.")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "-f",
    "--format",
    "format_",
    default="text",
    show_default=True,
    metavar="NAME",
    help="text, md, csv, latex, html, json, or a plugin's (clbench list formats).",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write to a file."
)
@click.option(
    "--metrics",
    metavar="A,B,…",
    help="Columns (clbench list metrics).  [default: transfer,average,last]",
)
@click.option("--methods", metavar="A,B,…", help="Rows of these methods alone.")
@click.option("--orders", metavar="A,B,…", help="Tables of these orders alone.")
@click.option("--streams", metavar="A,B,…", help="Tables of these streams alone.")
@disable_plugin_option
@click.pass_context
def leaderboard(
    ctx: click.Context,
    paths: tuple[Path, ...],
    format_: str,
    output: Path | None,
    metrics: str | None,
    methods: str | None,
    orders: str | None,
    streams: str | None,
) -> None:
    """Print the leaderboard of all records under PATHS (files or folders; default: runs).

    Records whose protocol fingerprints differ are never averaged or ranked together.
    """
    from clbench import boards

    registry = Session.of(ctx).registry
    chosen = _names(metrics) if metrics else None
    filters = {"method": methods, "order": orders, "stream": streams}
    board = boards.leaderboard(
        paths or (Path("runs"),),
        metrics=chosen or boards.DEFAULT_METRICS,
        extra=[found.spec for found in registry.metrics.values()],
        only={kind: _names(given) for kind, given in filters.items() if given},
    )
    text = boards.render(board, format_, extra=[found.spec for found in registry.formats.values()])
    if output is None:
        click.echo(text)
    else:
        from clbench.results.atomic import atomic_write

        output.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(output, f"{text}\n".encode())
        click.echo(f"wrote {output}", err=True)


def _names(given: str) -> list[str]:
    return [name.strip() for name in given.split(",") if name.strip()]
