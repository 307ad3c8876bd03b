"""What a published row's run is and needs, as people read it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from clbench.boards.claims.tables import as_printed
from clbench.cli.lacking import all_of, grouped
from clbench.config.options import as_typed
from clbench.specs import PROTOCOL_FACTS

if TYPE_CHECKING:
    from clbench.plugins import Registry
    from clbench.reproduction.demands import Demands
    from clbench.reproduction.plan import Plan
    from clbench.specs import Need

__all__ = ["demands_table", "plan_lines", "run_command"]

_MARKS = {
    "preset": ("†", "cyan"),
    "tuned": ("‡", "cyan"),
    "user": ("*", "bold yellow"),
    "default": ("", "dim"),
}
_LEGEND = {
    "preset": "† the preset's",
    "tuned": "‡ tuned for the stream",
    "user": "* yours, not the row's",
    "default": "plain: the method's default",
}


def plan_lines(plan: Plan, registry: Registry, out: Path) -> RenderableType:
    """The row, its preset, its protocol, every setting with where it comes from, and the command."""
    claim = plan.row.claim
    printed = ", ".join(f"{name.capitalize()} {as_printed(figure)}" for name, figure in claim.figures.items())
    table = _two_columns()
    table.add_row("printed", f"{printed}  ({claim.row} in {claim.table}, {claim.kind}; {claim.source})")
    if claim.note:
        table.add_row("", Text(claim.note, style="dim"))
    if claim.run is not None:
        table.add_row("preset", f"{claim.run.name}, {claim.run.origin_words}")
        if claim.run.note:
            table.add_row("", Text(claim.run.note, style="dim"))
        facts = [
            f"{words}: {claim.run.facts[name]}" for name, words in PROTOCOL_FACTS.items() if claim.run.facts
        ]
        table.add_row("protocol", "; ".join([claim.protocol, *facts]))
    table.add_row("answers", f"among the classes of label space {claim.label_space}; {_batches(plan)}")
    table.add_row("settings", _settings(plan))
    if traps := _traps(plan, registry):
        table.add_row("traps", traps)
    table.add_row("command", Text(run_command(plan, out)))
    if reasons := plan.foreseen(registry):
        told = f"{'; '.join(reasons)}: what it gives cannot be compared with the row"
        table.add_row("other", Text(told, style="yellow"))
    return Group(Text(plan.row.title, style="bold"), table)


def run_command(plan: Plan, out: Path) -> str:
    """The ``clbench run`` line that does the same."""
    from clbench.boards.rerun import run_words

    config = plan.configs[0]
    typed = {n: v for n, v in config.settings.items() if config.settings_sources[n] == "user"}
    given = {**config.as_json(), "backbone": config.backbone_source, "stream": config.stream_source}
    words = run_words(
        {**given, "held_out": ",".join(config.held_out)}, ",".join(str(c.seed) for c in plan.configs), typed
    )
    variables = [f"{name}={shlex.quote(value)}" for name, value in config.stream_variables.items()]
    return " ".join([*variables, shlex.join([*words, "--out", str(out)])])


def demands_table(demands: Demands) -> RenderableType:
    """What it uses, how much work it is, and what is missing with the command that brings it."""
    table = _two_columns()
    for title, text in demands.lines:
        table.add_row(title, text)
    table.add_row("there", _there(demands.needs))
    for need in demands.coming:
        table.add_row("to come", Text(f"{need.what}: {need.cure}"))
    for need in demands.optional:
        if not need.there:
            table.add_row("perhaps", Text(f"{need.what}, which some settings use: {need.cure}", style="dim"))
    for what, cure in grouped(demands.lacking):
        table.add_row(Text("missing", style="yellow"), Text(f"{what}\n    {_indented(cure)}"))
    return table


def _there(needs: tuple[Need, ...]) -> str:
    found = [need.what for need in needs if need.there]
    return all_of(found) if found else "nothing yet" if needs else "all of it is in the packages"


def _indented(text: str) -> str:
    return "\n    ".join(text.splitlines())


def _batches(plan: Plan) -> str:
    config = plan.configs[0]
    return f"test batches {config.batches}, of {config.eval_batch} images"


def _settings(plan: Plan) -> Text:
    config, text = plan.configs[0], Text()
    for name, value in config.settings.items():
        mark, style = _MARKS[plan.origins[name]]
        text.append(f"{name}={as_typed(value)}{mark}", style=style)
        text.append("  ")
    if not text:
        return Text("none", style="dim")
    used = set(plan.origins.values())
    text.append("\n" + "   ".join(words for origin, words in _LEGEND.items() if origin in used), style="dim")
    return text


def _traps(plan: Plan, registry: Registry) -> str:
    """Where code and paper differ, which of the two is run; empty where the method has no traps."""
    words = {"published": "as the authors' code", "intended": "as it is meant", "other": "as neither"}
    forms = plan.forms(registry)
    return "; ".join(f"{said}: {', '.join(forms[form])}" for form, said in words.items() if form in forms)


def _two_columns() -> Table:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="dim", min_width=10)
    table.add_column(overflow="fold")
    return table
