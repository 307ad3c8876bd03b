"""The resolved configuration as people read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from clbench.config.options import as_typed
from clbench.config.presets import usual_preset

if TYPE_CHECKING:
    from clbench.config import RunConfig
    from clbench.plugins import Registry

__all__ = ["as_typed", "changed_code", "check_output", "plan_table"]

_STYLES = {"default": ("", "dim"), "tuned": ("†", "cyan"), "user": ("*", "bold yellow")}


def changed_code(configs: Sequence[RunConfig], out: Path) -> list[str]:
    """Say which runs are there already with other code of their method, and are therefore run anew."""
    from clbench.config import RunConfig
    from clbench.errors import RecordError
    from clbench.results import RECORD_FILE, read_record
    from clbench.runs import run_folder

    notes = []
    for config in configs:
        folder = run_folder(out, config)
        if folder.exists() or not folder.parent.is_dir():
            continue
        same = replace(config, method_version="", method_digest="").key
        for path in sorted(folder.parent.glob(f"{config.method}-seed{config.seed}-*/{RECORD_FILE}")):
            try:
                record = read_record(path)
                other = RunConfig.from_json(record.config)
            except (RecordError, TypeError):
                continue
            if replace(other, method_version="", method_digest="").key == same:
                then = f"{record.method.version}, code {record.code[:6] or 'unknown'}"
                now = f"{config.method_version or record.method.version}, code {config.method_digest[:6]}"
                notes.append(
                    f"{config.method} seed {config.seed}: the method's code is not that of {path.parent} "
                    f"({then}; now {now}), so this is another run"
                )
    return notes


def check_output(configs: Sequence[RunConfig], out: Path) -> None:
    """See to it that what is not finished can be written; finished runs are only shown.

    Raises:
        ConfigError: it cannot be.
    """
    from clbench.config.outputs import unwritable
    from clbench.errors import ConfigError, RecordError
    from clbench.results import RECORD_FILE, read_record
    from clbench.runs import run_folder

    why = unwritable(out)
    if not why:
        return
    new = []
    for config in configs:
        try:
            finished = read_record(run_folder(out, config) / RECORD_FILE).status == "finished"
        except RecordError:
            finished = False
        if not finished:
            new.append(f"{config.method} seed {config.seed}")
    if new:
        raise ConfigError(
            f"nothing can be written to {out}",
            why=f"{why}; of these runs {len(new)} would be new: {', '.join(new[:5])}",
            fix="choose another --out, or leave them out: finished runs can be shown from there",
        )


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
        "tuned": Text(f"† {_for_stream(configs, registry)}", style="cyan"),
        "user": Text("* yours", style="bold yellow"),
    }
    shown = [legend[source] for source in legend if source in sources]
    return Group(shared, table, Text("  ").join(shown)) if shown else Group(shared, table)


def _for_stream(configs: Sequence[RunConfig], registry: Registry) -> str:
    """Where values for the stream are from: the plugin's tuning, or what a paper ran."""
    stream = configs[0].stream
    specs = [registry.methods[name].spec for name in dict.fromkeys(config.method for config in configs)]
    tuned = any(stream in spec.tuned for spec in specs)
    preset = any(stream not in spec.tuned and usual_preset(spec, stream) for spec in specs)
    words = [*(["tuned"] if tuned else []), *(["what papers ran"] if preset else [])]
    return f"{' or '.join(words) or 'tuned'} for {stream}" + (" (clbench list claims)" if preset else "")


def _settings(config: RunConfig) -> Text:
    text = Text()
    if config.generator is not None:
        text.append(f"generator={config.generator}  ")
    for name, value in config.settings.items():
        mark, style = _STYLES[config.settings_sources[name]]
        text.append(f"{name}={as_typed(value)}{mark}", style=style)
        text.append("  ")
    return text if text else Text("no settings", style="dim")
