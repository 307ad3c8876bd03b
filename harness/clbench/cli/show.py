"""``clbench show``: one method, stream, model or run in full."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from clbench.cli.session import Session, disable_plugin_option, make_console
from clbench.errors import UnknownNameError

if TYPE_CHECKING:
    from rich.console import Console

    from clbench.plugins import Contribution, Kind
    from clbench.specs import MethodSpec, StreamSpec

KINDS = ("method", "stream", "backbone", "generator", "dataset", "metric", "format", "launcher")


@click.command("show", short_help="Show a method, stream, model or run in full.")
@click.argument("kind", metavar="KIND")
@click.argument("name", metavar="NAME")
@disable_plugin_option
@click.pass_context
def show(ctx: click.Context, kind: str, name: str) -> None:
    """Show one thing in full.

    KIND is method, stream, backbone, generator, dataset, metric, format or launcher with its NAME, or run
    with the path of a record.
    """
    console = make_console()
    if kind == "run":
        from clbench.cli.record import print_record

        print_record(Path(name), console)
        return
    if kind not in KINDS:
        raise UnknownNameError("kind of thing to show", kind, (*KINDS, "run"))
    found = Session.of(ctx).registry.find(cast("Kind", kind), name)
    _print_head(found, kind, console)
    if kind == "method":
        _print_method(found, console)
    elif kind == "stream":
        _print_stream(found.spec, console)
    elif kind == "backbone":
        _print_facts(
            console, {"parameters": f"{found.spec.parameters:,}", "image size": f"{found.spec.image_size} px"}
        )
    elif kind == "dataset":
        _print_facts(console, {"kind": found.spec.kind})


def _print_head(found: Contribution[Any], kind: str, console: Console) -> None:
    from rich.text import Text

    spec = found.spec
    console.print(Text.assemble((spec.title, "bold"), f"  ({kind} {spec.name})"))
    console.print(Text(spec.summary))
    facts = {"package": f"{found.distribution} {found.version}"}
    if getattr(spec, "citation", ""):
        facts["cite"] = spec.citation
    _print_facts(console, facts)


def _print_facts(console: Console, facts: dict[str, str]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for label, value in facts.items():
        table.add_row(label, value)
    console.print(table)


def _print_method(found: Contribution[MethodSpec], console: Console) -> None:
    from rich.table import Table

    from clbench.cli.planning import as_typed
    from clbench.config.settings import settings_class

    spec, uses = found.spec, found.spec.assumptions
    taken = [
        *(["reference data outside of the tasks"] if uses.extra_data else []),
        *(["samples of earlier tasks"] if uses.replay else []),
        *(["images of a text-to-image model"] if uses.generated_images else []),
        *uses.external_models,
    ]
    identity = {"none": "not used", "given": "given at test", "inferred": "inferred at test"}
    _print_facts(
        console,
        {
            "learns": {
                "stream": "task after task",
                "zero_shot": "nothing",
                "joint": "all tasks at once (a bound, not ranked)",
                "independent": "each task by itself (a bound, not ranked)",
            }[spec.protocol],
            "requires": ", ".join(spec.requires).replace("_", " ") or "nothing more",
            "uses besides": ", ".join(taken) or "nothing",
            "task identity": identity[uses.task_identity],
        },
    )
    model = settings_class(found)
    if not model.model_fields:
        console.print("\nno settings")
        return
    defaults = {
        name: None if field.is_required() else field.get_default(call_default_factory=True)
        for name, field in model.model_fields.items()
    }
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("setting", style="bold", no_wrap=True)
    table.add_column("paper", justify="right")
    for stream in spec.tuned:
        table.add_column(f"tuned: {stream}", justify="right", style="cyan", no_wrap=True)
    table.add_column("what it is")
    for name, field in model.model_fields.items():
        tuned = [as_typed(values[name]) if name in values else "" for values in spec.tuned.values()]
        table.add_row(name, as_typed(defaults[name]), *tuned, field.description or "")
    console.print()
    console.print(table)
    console.print(
        f"\nchange one: clbench run --methods {spec.name} --set {spec.name}.SETTING=VALUE", style="dim"
    )


def _print_stream(spec: StreamSpec, console: Console) -> None:
    from rich.table import Table

    _print_facts(
        console,
        {
            "protocol": spec.protocol or "–",
            "backbone": spec.default_backbone,
            "reference data": spec.reference or "none",
            "class pool": spec.class_pool or "none",
            "generator": spec.generator or "none",
        },
    )
    table = Table(box=None, pad_edge=False, header_style="dim", footer_style="dim", show_footer=True)
    table.add_column("task", "all", style="bold", no_wrap=True)
    table.add_column("title")
    for label in ("classes", "train", "test"):
        total = sum(getattr(task, label) for task in spec.tasks)
        table.add_column(label, f"{total:,}", justify="right", no_wrap=True)
    for task in spec.tasks:
        table.add_row(task.key, task.title, f"{task.classes:,}", f"{task.train:,}", f"{task.test:,}")
    console.print()
    console.print(table)
    console.print()
    default = {name: " (default)" if name == spec.default_order else "" for name in spec.orders}
    _print_facts(
        console, {f"order {name}{default[name]}": ", ".join(keys) for name, keys in spec.orders.items()}
    )
