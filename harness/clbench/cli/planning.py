"""The resolved configuration as people read it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from clbench.config.options import as_typed

if TYPE_CHECKING:
    from clbench.config import RunConfig
    from clbench.plugins import Registry

__all__ = ["as_typed", "plan_table"]

_STYLES = {"default": ("", "dim"), "tuned": ("†", "cyan"), "user": ("*", "bold yellow")}


def plan_table(configs: Sequence[RunConfig], registry: Registry) -> RenderableType:
    """One line for what all runs share, one entry a method with every setting and where it comes from."""
    first = configs[0]
    seeds = list(dict.fromkeys(config.seed for config in configs))
    shared = Text.assemble(
        ("stream ", "dim"),
        (first.stream, "bold"),
        ("  order ", "dim"),
        first.order,
        ("  backbone ", "dim"),
        first.backbone,
        ("  seeds " if len(seeds) > 1 else "  seed ", "dim"),
        ", ".join(map(str, seeds)),
        ("  device ", "dim"),
        f"{first.device} {first.precision}",
        ("  label space ", "dim"),
        f"{first.label_space}",
        ("  eval batch ", "dim"),
        f"{first.eval_batch} {first.batches}" if first.batches != "natural" else str(first.eval_batch),
        ("  held out ", "dim") if first.held_out else "",
        ", ".join(first.held_out),
    )
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(no_wrap=True, style="dim")
    table.add_column()
    sources: set[str] = set()
    for name in dict.fromkeys(config.method for config in configs):
        config = next(c for c in configs if c.method == name)
        sources |= set(config.settings_sources.values())
        giver = registry.methods[name]
        table.add_row(name, f"{giver.distribution} {giver.version}", _settings(config))
    legend = {
        "default": Text("plain: the method's default (the paper's, where it gives one)", style="dim"),
        "tuned": Text(f"† tuned for {first.stream}", style="cyan"),
        "user": Text("* yours", style="bold yellow"),
    }
    shown = [legend[source] for source in legend if source in sources]
    return Group(shared, table, Text("  ").join(shown)) if shown else Group(shared, table)


def _settings(config: RunConfig) -> Text:
    text = Text()
    if config.generator is not None:
        text.append(f"generator={config.generator}  ")
    for name, value in config.settings.items():
        mark, style = _STYLES[config.settings_sources[name]]
        text.append(f"{name}={as_typed(value)}{mark}", style=style)
        text.append("  ")
    return text if text else Text("no settings", style="dim")
