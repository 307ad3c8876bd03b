"""``clbench site``: the leaderboard as static pages."""

from __future__ import annotations

from pathlib import Path

import click

from clbench.cli.recorded import names
from clbench.cli.session import Session, disable_plugin_option


@click.command("site", short_help="Write a leaderboard site: static pages that need no network.")
@click.argument("leaderboards", type=click.Path(path_type=Path), default=Path("leaderboards"))
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("site"),
    show_default=True,
    metavar="FOLDER",
    help="Where the site goes; an earlier site there is replaced.",
)
@click.option("--title", default="clbench leaderboard", show_default=True, metavar="TEXT", help="Its title.")
@click.option(
    "--base-url", default="", metavar="URL", help="Where it will stand: adds canonical links and a site map."
)
@click.option(
    "--published",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="The literature's figures.  [default: published in LEADERBOARDS, else clbench's own]",
)
@click.option(
    "--metrics",
    metavar="A,B,…",
    help="Columns (clbench list metrics).  [default: transfer,average,last,forgetting]",
)
@click.option(
    "--ranks/--no-ranks",
    default=None,
    help="Ranks and letters: places that noise does not decide.  [default: for up to 500 records]",
)
@click.option(
    "--predictions/--no-predictions",
    default=True,
    show_default=True,
    help="Copy each run's predictions to be downloaded.",
)
@disable_plugin_option
@click.pass_context
def site(
    ctx: click.Context,
    leaderboards: Path,
    out: Path,
    title: str,
    base_url: str,
    published: Path | None,
    metrics: str | None,
    ranks: bool | None,
    predictions: bool,
) -> None:
    """Write the records under LEADERBOARDS (default: leaderboards) as a site of static pages.

    A page for each board, method and run, with charts, matrices, the command that does a run again, and
    downloads. The pages work from a folder, below any address, and on GitHub Pages; equal records give equal
    bytes.
    """
    from clbench.boards.site import SITE_METRICS, Known, build_site
    from clbench.cli.claims import claims_board
    from clbench.traps import TrapBook

    registry = Session.of(ctx).registry
    if not leaderboards.exists():
        # Else the claims would be compared first, with a message about other things.
        from clbench.results.store import find_records

        find_records([leaderboards])
    written = build_site(
        leaderboards,
        out,
        title=title,
        base_url=base_url,
        predictions=predictions,
        published=published,
        known={
            name: Known(found.spec, f"{found.distribution} {found.version}")
            for name, found in registry.methods.items()
        },
        claims=claims_board(registry, (leaderboards,)).comparisons,
        metrics=names(metrics) or SITE_METRICS,
        extra=[found.spec for found in registry.metrics.values()],
        ranks=ranks,
        form=TrapBook.of(registry).told,
    )
    shown = written.contents
    click.echo(
        f"{_count(shown.boards, 'board')}, {_count(shown.methods, 'method')}, {_count(shown.runs, 'run')}, "
        f"{written.literature.rows} published rows"
    )
    for line in shown.left_out:
        click.secho(f"left out: {line}", fg="yellow", err=True)
    click.echo(f"wrote {len(written.sizes)} files, {written.size / 1e6:.1f} MB, to {out}")
    click.echo(f"look:  open {out / 'index.html'}, or python -m http.server -d {out}")


def _count(things: tuple[object, ...], noun: str) -> str:
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"
