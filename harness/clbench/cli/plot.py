"""``clbench plot``: figures of recorded runs, as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clbench.cli.recorded import choice_options, names, recorded
from clbench.cli.session import disable_plugin_option
from clbench.errors import ConfigError, RecordError, UnknownNameError

if TYPE_CHECKING:
    from clbench.boards.figures import Drawing


@click.command("plot", short_help="Draw figures of recorded runs.")
@click.argument("paths", metavar="[RUN]…", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "-k", "--kind", "kinds", metavar="A,B,…", help="Kinds of figures, see above.  [default: all that apply]"
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("figures"),
    show_default=True,
    metavar="FOLDER",
    help="Where the files go.",
)
@click.option(
    "-f",
    "--format",
    "formats",
    default="png,svg",
    show_default=True,
    metavar="A,B",
    help="Of png, svg and pdf.",
)
@click.option(
    "--metric",
    default="average",
    show_default=True,
    metavar="NAME",
    help="That ranks, pairs and forest are of.",
)
@click.option(
    "--against", default="", metavar="METHOD", help="Row that forest is drawn to.  [default: the best]"
)
@click.option(
    "--no-title", is_flag=True, help="For papers: title and notes go into FILE.caption.tex beside the figure."
)
@click.option("--each", is_flag=True, help="Each method by itself, too, where there are several.")
@choice_options
@disable_plugin_option
def plot(
    paths: tuple[Path, ...],
    kinds: str | None,
    out: Path,
    formats: str,
    metric: str,
    against: str,
    no_title: bool,
    each: bool,
    methods: str | None,
    orders: str | None,
    streams: str | None,
    label_spaces: str | None,
) -> None:
    """Draw the records under RUN… (run folders, or folders of runs; default: runs).

    \b
    scatter    Transfer against Last, lines of equal Average, the zero-shot point
    ranks      critical-difference diagram: which methods can be told apart
    pairs      differences of every pair of methods, and which may be chance
    forest     differences to the best method, or to --against NAME
    cost       seconds, memory and parameters against Average
    drift      zero-shot drift (forward forgetting) of each unseen task
    waterfall  forgetting of each task, from just learned to the end
    tasks      accuracy on each task over time, and when it was learned
    matrix     accuracy matrix as a heat map

    Seeds are averaged, with 95 % intervals. Records of different protocols, orders or streams are never in
    one figure: each group has its own.
    """
    from clbench.boards.figures import IMAGE_FORMATS, KINDS, draw

    chosen = names(formats)
    for name in chosen:
        if name not in IMAGE_FORMATS:
            raise UnknownNameError("figure format", name, IMAGE_FORMATS)
    if not chosen:
        raise ConfigError(
            "no format is given", fix="--format png, --format svg, --format pdf or several with commas"
        )
    wanted = names(kinds) or list(KINDS)
    loaded = recorded(paths, methods=methods, orders=orders, streams=streams, label_spaces=label_spaces)
    drawings = list(draw(loaded.records, wanted, metric=metric, against=against))
    if not drawings:
        raise RecordError(
            f"no figure of kind {', '.join(wanted)} can be drawn",
            why="; ".join(sorted({_state(r.status, r.rows, len(r.stream.tasks)) for r in loaded.records})),
            fix="finish a run (the same clbench run again goes on), or leave out --kind",
        )
    shown = drawings if each else _common(drawings, explicit=bool(kinds))
    for drawing in shown:
        for file in drawing.save(out, chosen, titled=not no_title):
            click.echo(file)
    if len(shown) < len(drawings):
        click.secho(f"{len(drawings) - len(shown)} more, each method by itself: --each", dim=True, err=True)


def _common(drawings: Sequence[Drawing], *, explicit: bool) -> list[Drawing]:
    """Without those of single methods where figures show several; a matrix that was asked for stays."""
    kept = []
    for drawing in drawings:
        mine = [d for d in drawings if d.subject == drawing.subject]
        together = {d.kind for d in mine if not d.course} & {d.kind for d in mine if d.course}
        if not drawing.course or (drawing.kind not in together and (explicit or not together)):
            kept.append(drawing)
    return kept


def _state(status: str, rows: int, tasks: int) -> str:
    return "a run is finished" if status == "finished" else f"a run is {status} with {rows} of {tasks} tasks"
