"""``clbench show``: one method, stream, model or run in full."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import click

from clbench.cli.counts import counted
from clbench.cli.session import Session, disable_plugin_option, make_console
from clbench.errors import ConfigError, UnknownNameError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from clbench.plugins import Contribution, Kind, Registry
    from clbench.specs import MethodSpec, MetricSpec, StreamSpec

KINDS = ("method", "stream", "backbone", "generator", "dataset", "metric", "format", "launcher", "tracker")


@click.command("show", short_help="Show a method, stream, model or run in full.")
@click.argument("kind", metavar="KIND")
@click.argument("name", metavar="NAME")
@click.option(
    "--runs",
    "paths",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Records from which a method's costs are measured (repeatable).  [default: runs, if it exists]",
)
@click.option(
    "-f",
    "--format",
    "format_",
    default="text",
    show_default=True,
    type=click.Choice(["text", "md", "json"]),
    help="Of a method's card.",
)
@disable_plugin_option
@click.pass_context
def show(ctx: click.Context, kind: str, name: str, paths: tuple[Path, ...], format_: str) -> None:
    """Show one thing in full.

    KIND is method, stream, backbone, generator, dataset, metric, format, launcher or tracker with its
    NAME, or run with the path of a record.

    A method's card has what it declares, what papers report of it, and what its recorded runs were measured
    to cost.
    """
    if kind != "method" and (paths or format_ != "text"):
        raise ConfigError(
            f"--runs and --format are for methods, not for a {kind}",
            fix="leave them out, or name a method: clbench show method NAME --runs PATH",
        )
    console = make_console()
    if kind == "run":
        from clbench.cli.record import print_record
        from clbench.traps import TrapBook

        print_record(Path(name), console, TrapBook.of(Session.of(ctx).registry))
        return
    if kind not in KINDS:
        raise UnknownNameError("kind of thing to show", kind, (*KINDS, "run"))
    registry = Session.of(ctx).registry
    if kind == "backbone":
        from clbench.models.backbonefiles import find_backbone

        found: Contribution[Any] = find_backbone(registry, name)  # a file's as well
    elif kind == "stream":
        from clbench.streams.folders import find_stream

        found = find_stream(registry, name)  # a YAML file's as well
    else:
        found = _find(registry, cast("Kind", kind), name)
    if kind == "method":
        from clbench.boards.card import declared, render_card
        from clbench.cli.card import card_of, print_card

        card = card_of(found, paths)
        if format_ != "text":
            click.echo(render_card(card, format_))
            return
        _print_head(found, kind, console)
        _print_facts(console, declared(found.spec))
        _print_settings(found, console)
        print_card(card)
        return
    _print_head(found, kind, console)
    if kind == "stream":
        _print_stream(found.spec, console)
    elif kind == "backbone":
        digest = found.spec.sha256 or found.spec.digest
        _print_facts(
            console,
            {
                "parameters": counted(found.spec.parameters or None),
                "image size": f"{found.spec.image_size} px",
                **({"architecture": found.spec.architecture} if found.spec.architecture else {}),
                **({"file": f"SHA-256 {digest}"} if digest else {}),
            },
        )
    elif kind == "dataset":
        _print_facts(console, {"kind": found.spec.kind.replace("_", " ")})
    elif kind == "metric":
        _print_metric(found.spec, console)
    elif kind == "tracker":
        console.print(f"\nuse it: clbench run --methods zscl --track {name}", style="dim")


def _find(registry: Registry, kind: Kind, name: str) -> Contribution[Any]:
    """What a plugin gives, or clbench itself computes or writes."""
    from clbench import __version__
    from clbench.cli.list import BUILT_IN
    from clbench.definitions import METRICS, RIVALS
    from clbench.plugins import Contribution
    from clbench.specs import FormatSpec

    specs: dict[str, Any] = {}
    if kind == "metric":
        specs = {spec.name: spec for spec in (*METRICS, *RIVALS)}
    elif kind == "format":
        texts = BUILT_IN["formats"]
        specs = {
            each: FormatSpec(name=each, title=each, summary=text, factory="clbench.boards:render", suffix="")
            for each, text in texts.items()
        }
    if name in specs:
        return Contribution(specs[name], "clbench", "clbench", __version__)
    if specs and name not in registry.kind(kind):
        known = (*specs, *registry.kind(kind))
        raise UnknownNameError(kind, name, known, fix=f"see what there is: clbench list {kind}s")
    return registry.find(kind, name)


def _print_metric(spec: MetricSpec, console: Console) -> None:
    better = "higher" if spec.higher_is_better else "lower"
    facts = {"formula": spec.formula, "source": spec.source, "better": better, "rival of": spec.rival_of}
    _print_facts(console, {label: text for label, text in facts.items() if text})
    if spec.formula:
        legend = "A[i, j]: accuracy on task j after learning task i, both from 0; T tasks"
        console.print(legend, style="dim", markup=False)


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
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for label, value in facts.items():
        table.add_row(label, Text(value))  # brackets are no markup
    console.print(table)


def _print_settings(found: Contribution[MethodSpec], console: Console) -> None:
    from rich.markup import escape
    from rich.table import Table

    from clbench.cli.planning import as_typed
    from clbench.config.settings import settings_class

    spec = found.spec
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
    table.add_column("default", justify="right", overflow="fold", max_width=24)
    for stream in spec.tuned:
        table.add_column(f"tuned: {stream}", justify="right", style="cyan", overflow="fold", max_width=24)
    table.add_column("what it is")
    for name, field in model.model_fields.items():
        tuned = [as_typed(values[name]) if name in values else "" for values in spec.tuned.values()]
        table.add_row(*map(escape, (name, as_typed(defaults[name]), *tuned, field.description or "")))
    console.print()
    console.print(table)
    if switches := sum(trap.where == "setting" for trap in spec.traps):
        told = f"switches between published code and what is meant: {switches}; clbench traps {spec.name}"
        console.print(f"\n{told}", style="dim")
    console.print(
        f"\nchange one: clbench run --methods {spec.name} --set {spec.name}.SETTING=VALUE", style="dim"
    )
    if spec.claims is not None:
        told = (
            f"what was run for published rows: clbench list claims {spec.name}; clbench reproduce {spec.name}"
        )
        console.print(told, style="dim")


def _print_stream(spec: StreamSpec, console: Console) -> None:
    from clbench.specs import PROTOCOL_FACTS
    from clbench.streams.varying import base_name

    # classes that tasks share have the prompts of several tasks, or of one
    prompts = 0 if spec.classes else sum(task.classes * task.templates for task in spec.tasks)
    _print_facts(
        console,
        {
            "protocol": spec.protocol or "–",
            **{words: spec.facts[name] for name, words in PROTOCOL_FACTS.items() if name in spec.facts},
            "label space": spec.label_space,
            "shots": f"{spec.shots} per class" if spec.shots else "all training images",
            **({"prompts": f"{prompts:,} at test"} if prompts else {}),
            "backbone": spec.default_backbone,
            "reference data": spec.reference or "none",
            "class pool": spec.class_pool or "none",
            "generator": spec.generator or "none",
            **({"exchange facts": f"--stream {base_name(spec.name)}+FACT=VALUE"} if spec.variations else {}),
        },
    )
    console.print()
    console.print(_task_table(spec))
    console.print()
    default = {name: " (default)" if name == spec.default_order else "" for name in spec.orders}
    orders = {f"order {name}{default[name]}": ", ".join(keys) for name, keys in spec.orders.items()}
    _print_facts(
        console, {**orders, "order random-SEED": "shuffled with that seed, such as --order random-7"}
    )


def _task_table(spec: StreamSpec) -> Table:
    """Tasks with what is known of each; a column that would be empty is left out."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim", footer_style="dim", show_footer=True)
    table.add_column("task", "all", style="bold", no_wrap=True)
    table.add_column("title")
    rows = [[task.key, task.title] for task in spec.tasks]
    numbers: tuple[Literal["classes", "train", "validation", "test"], ...]
    numbers = ("classes", "train", "validation", "test")
    for label in numbers:
        values = [getattr(task, label) for task in spec.tasks]
        if label == "validation" and not any(values):
            continue
        table.add_column(label, counted(spec.total(label)), justify="right", no_wrap=True)
        for row, value in zip(rows, values, strict=True):
            row.append(counted(value))
    told = {
        "groups of test images": [f"{task.groups:,}" if task.groups else "" for task in spec.tasks],
        "templates": [str(task.templates or "") for task in spec.tasks],
        "lr ×": [f"{task.rate_scale:g}" for task in spec.tasks],
        "split": [task.split for task in spec.tasks],
        "source": [task.source for task in spec.tasks],
    }
    for heading, texts in told.items():
        if set(texts) <= {"", "1"}:
            continue
        numeric = heading in ("groups of test images", "templates", "lr ×")
        table.add_column(
            heading, justify="right" if numeric else "left", no_wrap=heading in ("templates", "lr ×")
        )
        for row, text in zip(rows, texts, strict=True):
            row.append(text)
    for row in rows:
        table.add_row(*map(escape, row))
    return table
