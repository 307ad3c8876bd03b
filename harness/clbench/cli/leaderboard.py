"""``clbench leaderboard``: a table of records, in any format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clbench.cli.recorded import names
from clbench.cli.session import Session, disable_plugin_option

if TYPE_CHECKING:
    from clbench.boards import Board
    from clbench.plugins import Registry

_WITHOUT_NOTES = ("csv", "json", "parquet")


@click.command("leaderboard", short_help="Print the leaderboard of recorded runs, or of the literature.")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "-f",
    "--format",
    "format_",
    default="text",
    show_default=True,
    metavar="NAME",
    help="text, md, csv, latex, html, json, parquet, or a plugin's (clbench list formats).",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write to a file."
)
@click.option(
    "-l",
    "--layout",
    default="summary",
    show_default=True,
    metavar="NAME",
    help="summary; per-task: Transfer, Average and Last of every task, as in the MTIL papers; across-orders: "
    "orders side by side, and their mean; label-spaces: task and union side by side, and the drop.",
)
@click.option(
    "--metrics",
    metavar="A,B,…",
    help="Which figures (clbench list metrics).  [default: transfer,average,last]",
)
@click.option(
    "--columns",
    metavar="A,B,…",
    help="Which columns, in this order: method, stream, order, shots, protocol, backbone, label_space, "
    "seeds, metrics (all of them) or a metric's name, uses, status, trainable_parameters, peak_memory, "
    "learn_seconds, version, commit, fingerprint, … (a wrong name lists them), all.",
)
@click.option("--sort", metavar="METRIC", help="Best value first; or method, by name.  [default: average]")
@click.option(
    "--group-by",
    metavar="A,B,…",
    help="Put the tables in order by stream, order, shots, protocol, backbone or label_space; unequal "
    "protocols stay apart whatever is named.",
)
@click.option(
    "--ranks/--no-ranks",
    default=None,
    help="Ranks and letters: places that noise does not decide.  [default: for up to 500 records]",
)
@click.option("--decimals", type=click.IntRange(0, 6), metavar="N", help="Of figures for people.")
@click.option("--spread/--no-spread", default=None, help="± half the 95 % interval over seeds.")
@click.option("--methods", metavar="A,B,…", help="Rows of these methods alone.")
@click.option("--streams", metavar="A,B,…", help="Tables of these streams alone.")
@click.option("--orders", metavar="A,B,…", help="Tables of these orders alone.")
@click.option("--shots", metavar="N,…", help="Tables of so many training samples per class alone, or full.")
@click.option("--protocols", metavar="A,B,…", help="Tables of these protocol families alone.")
@click.option("--backbones", metavar="A,B,…", help="Tables of these backbones alone.")
@click.option(
    "--label-spaces",
    "--label-space",
    metavar="A,B,…",
    help="Tables in these label spaces: task, seen, union, all.  [default: the primary one of each record]",
)
@click.option(
    "--form",
    type=click.Choice(["published", "intended", "mixed"]),
    help="Runs alone that have all their method's traps in this form, or in both (clbench traps).",
)
@click.option("--published", is_flag=True, help="Tables of the literature, too; without PATHS these alone.")
@disable_plugin_option
@click.pass_context
def leaderboard(
    ctx: click.Context,
    /,
    paths: tuple[Path, ...],
    format_: str,
    output: Path | None,
    layout: str,
    metrics: str | None,
    columns: str | None,
    sort: str | None,
    group_by: str | None,
    ranks: bool | None,
    decimals: int | None,
    spread: bool | None,
    form: str | None,
    published: bool,
    **filters: str | None,
) -> None:
    """Print the leaderboard of all records under PATHS (files or folders; default: runs).

    Records whose protocol fingerprints differ are never averaged or ranked together. A folder of published
    figures, such as leaderboards/published, may be among PATHS: its tables stand beside the measured ones,
    and say what keeps the two from being compared.
    """
    from clbench.boards.layouts.rendering import encode, is_binary, view_of
    from clbench.boards.layouts.views import Options
    from clbench.boards.literature.grouping import read_literature
    from clbench.boards.literature.views import beside, literature_view
    from clbench.boards.tables.arranging import FILTERS
    from clbench.errors import ConfigError

    registry = Session.of(ctx).registry
    formats = [found.spec for found in registry.formats.values()]
    if is_binary(format_, formats) and output is None:
        raise ConfigError(f"{format_} is no text", why="it is not for terminals", fix=f"-f {format_} -o FILE")
    only = {kind: wanted for kind in FILTERS if (wanted := names(filters[_option(kind)]))}
    if layout == "label-spaces" and "label_space" not in only:
        only["label_space"] = ["task", "union"]
    literature_in = _published_among(paths, published)
    folders = [path for path in paths if path not in literature_in] or (
        [] if literature_in else [Path("runs")]
    )
    board = _measured(
        registry,
        folders,
        names(metrics),
        names(columns),
        only=only,
        sort=sort,
        group_by=names(group_by),
        ranks=ranks,
        form=form,
    )
    options = Options(tuple(names(columns)) or None, decimals, spread)
    view = view_of(board, layout=layout, options=options)
    for folder in literature_in:
        literature = read_literature(folder, only)
        view = (
            beside(view, board, literature, layout=layout)
            if folders
            else literature_view(literature, layout=layout)
        )
    if not board.tables:
        _hint_at_what_gives_records(folders, nothing_else=not board.notes)
    content = encode(board, format_, extra=formats, view=view)
    if format_ in _WITHOUT_NOTES:
        for note in board.notes:
            click.echo(f"note: {note}", err=True)
    if output is None:
        click.echo(content.decode(), nl=False)
    else:
        from clbench.results.atomic import atomic_write

        output.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(output, content)
        click.echo(f"wrote {output}", err=True)


def _hint_at_what_gives_records(folders: Sequence[Path], *, nothing_else: bool) -> None:
    """Say what can be done with packed runs, which are no records yet, and what writes records."""
    found = False
    for folder in folders:
        packed = sorted(folder.rglob("*.clbench.zip"))
        if packed:
            found = True
            click.echo(
                f"note: {folder} has submissions ({len(packed)}), which are no records: "
                f"clbench admit {packed[0].parent} --into FOLDER makes them so",
                err=True,
            )
    if folders and nothing_else and not found:
        where = folders[0] if folders[0].is_dir() else "runs"
        click.echo(f"note: clbench run --methods zscl --out {where} writes some", err=True)


def _measured(
    registry: Registry,
    folders: Sequence[Path],
    metrics: Sequence[str],
    columns: Sequence[str],
    *,
    only: Mapping[str, Sequence[str]],
    sort: str | None,
    group_by: Sequence[str],
    ranks: bool | None,
    form: str | None,
) -> Board:
    """The board of the records under ``folders``, with the metrics that are shown or sorted by."""
    from clbench import boards, definitions
    from clbench.boards.tables.columns import FIELDS
    from clbench.traps import TrapBook

    extra = [found.spec for found in registry.metrics.values()]
    known = {spec.name for spec in (*definitions.METRICS, *definitions.RIVALS, *extra)} - set(FIELDS)
    named = [name for name in columns if name in known]
    wanted = dict.fromkeys([*(metrics or ([] if named else boards.DEFAULT_METRICS)), *named])
    if not folders:
        return boards.board_of([])
    book = TrapBook.of(registry) if form or "form" in columns or "all" in columns else None
    return boards.leaderboard(
        folders,
        metrics=list(wanted),
        extra=extra,
        only=only,
        sort=sort,
        group_by=group_by,
        ranks=ranks,
        form=book.told if book is not None else None,
        keep=(lambda record: book.form(record) in (form, "none")) if book is not None and form else None,
    )


def _published_among(paths: Sequence[Path], asked: bool) -> list[Path]:
    """The folders of published figures among ``paths``; else, if ``asked``, the one that came along."""
    from clbench.boards.literature.published import AVERAGES_FILE, published_folder

    found = [path for path in paths if (path / AVERAGES_FILE).is_file()]
    return found or ([published_folder()] if asked else [])


def _option(kind: str) -> str:
    return kind if kind == "shots" else f"{kind}s"
