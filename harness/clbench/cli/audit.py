"""``clbench audit``: what a finished run scores in other test batches."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clbench.cli.recorded import names
from clbench.cli.session import Session, disable_plugin_option, make_console, plugin_option
from clbench.errors import RecordError
from clbench.printing import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from clbench.config.runconfig import Composition
    from clbench.runs.audit import Audit
    from clbench.streams import LabelSpaceName

__all__ = ["audit"]

_KINDS = ("natural", "mixed", "single")


@click.command("audit", short_help="Score a finished run in other test batches.")
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--batches",
    metavar="A,B",
    default="mixed,single",
    show_default=True,
    help="Compositions to score beside the run's own: natural, mixed, single.",
)
@click.option(
    "--limit", type=click.IntRange(1), metavar="N", help="At most N test images a task, drawn at random."
)
@click.option("--seed", type=click.IntRange(0), help="Of that draw, and of mixing.  [default: the run's]")
@click.option(
    "--label-space", "space", type=click.Choice(["task", "seen", "union"]), help="[default: the record's]"
)
@click.option("--device", metavar="cpu|cuda", help="Where it is computed.  [default: where the run was]")
@plugin_option
@disable_plugin_option
@click.pass_context
def audit(
    ctx: click.Context,
    run: Path,
    batches: str,
    limit: int | None,
    seed: int | None,
    space: str | None,
    device: str | None,
) -> None:
    """Score the last state of the finished run in the folder RUN in other test batches, and show the gap.

    natural: one task's images after another, as every paper does; mixed: images of all tasks shuffled;
    single: each image by itself, which is slow. A method that scores an image by itself shows no gap; one
    that infers the task from its batch does.
    """
    from clbench.errors import UnknownNameError
    from clbench.runs.audit import audit as score

    wanted = names(batches)
    for name in wanted:
        if name not in _KINDS:
            raise UnknownNameError("composition of batches", name, _KINDS)
    found = score(
        Session.of(ctx).registry,
        run,
        compositions=wanted,  # type: ignore[arg-type]
        limit=limit,
        seed=seed,
        device=device,
        progress=_progress,
    )
    chosen: LabelSpaceName = space or found.record.label_space  # type: ignore[assignment]
    if chosen not in found.record.matrices:
        raise RecordError(
            f"{run} was not scored in label space {chosen!r}",
            why=f"it was in {', '.join(found.record.matrices)}",
        )
    console = make_console(file_width=200)
    _print(found, chosen, console)
    if found.reproduces(chosen) is False:
        click.secho(
            f"the last row in {found.usual} batches is not the recorded one: another version of a package or "
            "plugin, or another device",
            fg="red",
        )
        ctx.exit(1)


def _progress(composition: str, done: int, total: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{composition}: {done:,} of {total:,} images", nl=done == total, err=True)


def _print(found: Audit, space: LabelSpaceName, console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    record = found.record
    console.print(
        Text.assemble(
            (one_line(record.method.title or record.method.name), "bold"),
            f"  stream {record.stream.name}, order {record.stream.order}, seed {record.seed}, after the last "
            f"task, label space {space}",
        )
    )
    declared = record.declared.get("task identity")
    if record.method.assumptions.task_identity != "none":
        how = declared or record.method.assumptions.task_identity
        console.print(Text(f"task identity: {how}", style="dim"))
    total, scored = sum(task.test for task in record.stream.tasks), sum(found.images.values())
    drawn = f", at most {found.limit} a task, drawn with seed {found.seed}" if scored < total else ""
    batch = record.config.get("eval_batch")
    console.print(Text(f"{scored:,} of {total:,} test images{drawn}; batches of {batch}", style="dim"))
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("batches", no_wrap=True)
    for key in found.stream.keys:
        table.add_column(key, justify="right", no_wrap=True, max_width=10)
    table.add_column("Last", justify="right", no_wrap=True, style="bold")
    table.add_column("answers changed", justify="right", no_wrap=True)
    for composition in found.evaluations:
        row = (*found.row(composition, space), found.last(composition, space))
        other = composition != found.usual
        changed = f"{_share(found, composition, space):.1f} %" if other else ""
        table.add_row(composition, *(f"{value:.1f}" for value in row), changed)
        if other:
            table.add_row(Text(f"  − {found.usual}"), *_gaps(found, composition, space), "")
    console.print(table)


def _gaps(found: Audit, composition: Composition, space: LabelSpaceName) -> list[str]:
    def gaps(here: Sequence[float], there: Sequence[float]) -> list[str]:
        return [f"{a - b:+.1f}" if a != b else "0" for a, b in zip(here, there, strict=True)]

    usual = found.usual
    here = (*found.row(composition, space), found.last(composition, space))
    return gaps(here, (*found.row(usual, space), found.last(usual, space)))


def _share(found: Audit, composition: Composition, space: LabelSpaceName) -> float:
    """Percent of all images that are answered otherwise."""
    changed = found.changed(composition, space)
    images = [found.images[key] for key in found.stream.keys]
    return sum(share * n for share, n in zip(changed, images, strict=True)) / sum(images)
