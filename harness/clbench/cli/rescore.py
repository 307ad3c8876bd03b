"""``clbench rescore``: figures from stored predictions, without a model."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clbench.cli.session import disable_plugin_option, make_console
from clbench.errors import RecordError

if TYPE_CHECKING:
    from rich.console import Console

    from clbench.results import Record
    from clbench.results.rescoring import Rescored

__all__ = ["rescore"]


@click.command("rescore", short_help="Compute figures anew from stored predictions.")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--label-space",
    "space",
    type=click.Choice(["task", "seen", "union"]),
    help="Classes an answer is chosen from.  [default: all that a record has]",
)
@click.option("--matrix", is_flag=True, help="Print each matrix, too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, unrounded, instead of tables.")
@disable_plugin_option
@click.pass_context
def rescore(
    ctx: click.Context, paths: tuple[Path, ...], space: str | None, matrix: bool, as_json: bool
) -> None:
    """Compute matrices and metrics of the runs under PATHS (files or folders; default: runs) anew.

    They come from the predictions beside each record; no model and no data are needed. Where a record says
    something else than its predictions, that is named, and the exit code is 1.
    """
    from clbench.results import load_predictions, load_records
    from clbench.results.rescoring import rescore as computed

    loaded = load_records(paths or (Path("runs"),))
    if not (loaded.stored or loaded.problems):
        raise RecordError(
            f"there is no record under {', '.join(map(str, paths)) or 'runs'}",
            why="a run's folder holds record.json",
            fix="name the folder that `clbench run --out` wrote to",
        )
    problems = [str(problem) for problem in loaded.problems]
    found: list[tuple[Path, Record, tuple[Rescored, ...]]] = []
    for path, record in ((each.path, each.record) for each in loaded.stored):
        if record.status != "finished" or record.predictions is None:
            why = f"it is {record.status}" if record.status != "finished" else "it has no predictions"
            click.secho(f"left out: {path}: {why}", fg="yellow", err=True)
            continue
        try:
            predictions = load_predictions(path.parent, record.predictions)
            found.append((path, record, computed(record, predictions, [space] if space else None)))
        except RecordError as error:
            problems.append(str(error))
    differences = [
        f"{path}, label space {each.label_space}: {line}"
        for path, _, spaces in found
        for each in spaces
        for line in each.differences
    ]
    if as_json:
        click.echo(json.dumps([_as_json(*each) for each in found], indent=1))
    else:
        _print(found, make_console(file_width=160), matrices=matrix)
    for line in [*problems, *differences]:
        click.secho(f"wrong: {' '.join(line.split())}", fg="red", err=True)
    if problems or differences:
        ctx.exit(1)
    if not as_json:
        noun = "record says" if len(found) == 1 else "records say"
        compared = f"{len(found)} {noun} what the predictions give"
        click.echo(compared if found else "nothing was compared: no record is finished and has predictions")


def _as_json(path: Path, record: Record, spaces: tuple[Rescored, ...]) -> dict[str, Any]:
    return {
        "record": str(path),
        "method": record.method.name,
        "seed": record.seed,
        "order": record.stream.order,
        "tasks": [task.key for task in record.stream.tasks],
        "label_spaces": {
            each.label_space: {**asdict(each), "metrics": each.metrics.model_dump()} for each in spaces
        },
    }


def _print(
    found: list[tuple[Path, Record, tuple[Rescored, ...]]], console: Console, *, matrices: bool
) -> None:
    from rich.table import Table
    from rich.text import Text

    from clbench.cli.matrix import matrix_table
    from clbench.results.metrics import METRICS

    names = dict.fromkeys(each.label_space for _, _, spaces in found for each in spaces)
    for space in names:
        table = Table(
            box=None, pad_edge=False, title=f"label space {space}", title_justify="left", header_style="dim"
        )
        for label in ("method", "stream", "order", "seed"):
            table.add_column(label, no_wrap=True)
        for metric in METRICS:
            table.add_column(metric.capitalize(), justify="right", no_wrap=True)
        table.add_column("record")
        for path, record, spaces in found:
            for each in (each for each in spaces if each.label_space == space):
                values = [getattr(each.metrics, metric) for metric in METRICS]
                stream = record.stream
                table.add_row(
                    record.method.name,
                    stream.name,
                    stream.order,
                    str(record.seed),
                    *("–" if value is None else f"{value:.2f}" for value in values),
                    Text("differs", "red") if each.differences else Text("the same", "green"),
                )
                if matrices:
                    console.print(Text(f"{path.parent}, label space {space}", style="dim"))
                    tasks = [task.key for task in stream.tasks]
                    rows = dict(enumerate(each.matrix))
                    console.print(matrix_table(tasks, rows, each.zero_shot, width=console.width))
                    console.print()
        console.print(table)
        console.print()
