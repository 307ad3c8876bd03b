"""``clbench mini report`` and ``clbench mini sheet``."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["mini"]


@click.group("mini", short_help="The embedded benchmark: its figures and its pictures.")
def mini() -> None:
    """Measure what the embedded benchmark promises, and look at its pictures."""


@mini.command("report")
@click.argument("records", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--no-images", is_flag=True, help="Leave out what generates images.")
def report(records: tuple[Path, ...], no_images: bool) -> None:
    """Print the benchmark's demands with the figures measured now.

    Zero-shot skill and generated images are measured from the package. Forgetting, the relations between
    methods, their correlation with published figures, the references and the effect of groups of test images
    are read from RECORDS: folders that `clbench run` wrote to. Runs with settings of your own are left out.
    """
    from clbench_mini import agreement, bounds, demands, groups

    for line in demands.zero_shot():
        click.echo(line)
    for line in demands.forgetting(records):
        click.echo(line)
    for line in demands.relations(records):
        click.echo(line)
    if not no_images:
        for line in demands.generated():
            click.echo(line)
    for line in demands.resources(records):
        click.echo(line)
    for line in agreement.agreement(records):
        click.echo(line)
    for line in bounds.bounds(records):
        click.echo(line)
    for line in groups.groups(records):
        click.echo(line)


@mini.command("sheet")
@click.argument("output", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--task", help="A task's test images, by key.  [default: all tasks, eight images each]")
@click.option("--generated", is_flag=True, help="Generated images of 64 names instead.")
def sheet(output: Path, task: str | None, generated: bool) -> None:
    """Write a contact sheet to OUTPUT (a PNG)."""
    from clbench_mini import sheets

    if generated:
        picture = sheets.generated_sheet()
    elif task:
        picture = sheets.task_sheet(task)
    else:
        picture = sheets.stream_sheet()
    output.parent.mkdir(parents=True, exist_ok=True)
    picture.save(output, optimize=True)
    click.echo(f"wrote {output}", err=True)
