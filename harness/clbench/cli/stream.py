"""``clbench stream``: streams from a file of one's own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clbench.cli.groups import groups
from clbench.cli.session import Session, disable_plugin_option, make_console

if TYPE_CHECKING:
    from rich.console import Console

    from clbench.plugins import Registry
    from clbench.streams.description import Description

__all__ = ["stream"]


@click.group("stream", short_help="Check a stream that a YAML file describes; groups of test images.")
def stream() -> None:
    """Streams from a YAML file and folders of images, without Python (docs/streams.md)."""


stream.add_command(groups)


@stream.command("check", short_help="Say what a stream has, and what is missing or odd.")
@click.argument("file", metavar="FILE.yaml", type=click.Path(path_type=Path))
@click.option("--no-decode", is_flag=True, help="Do not decode the images to see whether that works.")
@disable_plugin_option
@click.pass_context
def check(ctx: click.Context, file: Path, no_decode: bool) -> None:
    """Say what a stream has, and what is missing or odd.

    Mistakes, with which it cannot run, end with exit code 2; images that cannot be read with 1; what is only
    odd is said, and ends with 0.
    """
    from clbench.streams.checking import oddities, unreadable
    from clbench.streams.descriptionfile import read_description
    from clbench.streams.folders import find_stream

    registry = Session.of(ctx).registry
    description = read_description(file)
    console = make_console(file_width=120)
    _print_tasks(description, console)
    find_stream(registry, str(file))  # another stream may have its name
    for problem in _missing(description, registry):
        click.secho(f"missing: {problem}", fg="yellow")
    for finding in oddities(description):
        click.secho(f"odd: {finding}", fg="yellow")
    odd: dict[str, list[Path]] = {}
    broken = [] if no_decode else list(unreadable(description, _progress, odd))
    for what, files in odd.items():
        more = f" and {len(files) - 1:,} more" if len(files) > 1 else ""
        click.secho(f"odd: images with {what}: {files[0]}{more}", fg="yellow")
    for path, reason in broken:
        click.secho(f"unreadable: {path}: {reason}", fg="red")
    if broken:
        ctx.exit(1)
    if not _is_backbone(registry, description.entry.backbone):
        click.echo(
            f"it cannot run: install the backbone {description.entry.backbone}, "
            "or name another in the file or by --backbone",
            err=True,
        )
        ctx.exit(2)
    click.echo(f"it can run: clbench run --stream {file} --methods zero-shot,finetune")


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty() and (done % 100 == 0 or done == total):
        click.echo(f"\r{done:,} of {total:,} images decoded", nl=done == total, err=True)


def _print_tasks(description: Description, console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    entry = description.entry
    console.print(Text.assemble((entry.title or entry.name, "bold"), f"  (stream {entry.name})"))
    validation = any(task.validation for task in description.tasks)
    table = Table(box=None, pad_edge=False, header_style="dim", footer_style="dim", show_footer=True)
    table.add_column("task", "all", style="bold", no_wrap=True)
    numbers = {
        "classes": [len(task.classes) for task in description.tasks],
        "train": [len(task.train.files) for task in description.tasks],
        "val": [len(task.validation.files) if task.validation else 0 for task in description.tasks],
        "test": [len(task.test.files) for task in description.tasks],
    }
    if not validation:
        del numbers["val"]
    fewest = [min(map(len, task.train.images.values())) for task in description.tasks]
    for label, values in numbers.items():
        table.add_column(label, f"{sum(values):,}", justify="right", no_wrap=True)
    grouped = any(task.groups for task in description.tasks)
    if grouped:
        table.add_column("groups of test images", justify="right")
    table.add_column("fewest a class", f"{min(fewest):,}", justify="right", no_wrap=True)
    table.add_column("templates")
    for number, task in enumerate(description.tasks):
        counts = [f"{values[number]:,}" for values in numbers.values()]
        if grouped:
            counts.append("" if task.group_count is None else f"{task.group_count:,}")
        more = f" (+{len(task.templates) - 1})" if len(task.templates) > 1 else ""
        table.add_row(task.key, *counts, f"{fewest[number]:,}", Text(f"{task.templates[0]}{more}"))
    console.print(table)
    facts = Table(box=None, pad_edge=False, show_header=False)
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column()
    for name, keys in description.orders.items():
        facts.add_row(f"order {name}", ", ".join(keys))
    facts.add_row("backbone", entry.backbone)
    reference = f"{len(description.captions):,} images with captions" if description.captions else "none"
    facts.add_row("reference", entry.reference if isinstance(entry.reference, str) else reference)
    names = f"{len(description.names):,} names" if description.names else "none"
    facts.add_row("class pool", names if description.names else entry.class_pool or "none")
    facts.add_row("generator", entry.generator or "none")
    facts.add_row("fingerprint of its content", description.digest[:16])
    console.print(facts)


def _is_backbone(registry: Registry, name: str) -> bool:
    from clbench.errors import ClbenchError
    from clbench.models.backbonefiles import find_backbone

    try:
        find_backbone(registry, name)
    except ClbenchError:
        return False
    return True


def _missing(description: Description, registry: Registry) -> list[str]:
    """Names in the file that nothing installed gives, and what methods would want and it does not have."""
    from clbench.errors import ClbenchError
    from clbench.models.backbonefiles import find_backbone

    entry = description.entry
    named = [("backbone", entry.backbone), ("generator", entry.generator)]
    if isinstance(entry.reference, str):
        named.append(("dataset", entry.reference))
    if not description.names:
        named.append(("dataset", entry.class_pool))
    problems = []
    for kind, name in named:
        if name is None:
            continue
        try:
            if kind == "backbone":
                find_backbone(registry, name)
            else:
                registry.find(kind, name)  # type: ignore[arg-type]
        except ClbenchError as error:
            problems.append(error.line)
    lacking = {
        "reference": entry.reference is None,
        "class_pool": entry.class_pool is None,
        "generator": entry.generator is None,
    }
    for need, lacks in lacking.items():
        users = [name for name, found in registry.methods.items() if need in found.spec.requires]
        if lacks and users:
            problems.append(f"no {need}, so these methods cannot run on it: {', '.join(users)}")
    return problems
