"""Both forms of traps as planned runs, and what they scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from clbench.boards.traps.listing import Listed
    from clbench.boards.traps.measuring import Measured
    from clbench.config import Options, RunConfig
    from clbench.plugins import Registry

__all__ = ["Plan", "compare_forms", "compare_recorded", "plan_forms"]

Form = Literal["published", "intended"]


@dataclass(frozen=True)
class Plan:
    """What is to be run for a trap, or why it cannot be.

    Attributes:
        listed: the trap.
        published, intended: the runs of either form, by seed.
        reason: why there are none.
    """

    listed: Listed
    published: tuple[RunConfig, ...] = ()
    intended: tuple[RunConfig, ...] = ()
    reason: str = ""


def plan_forms(
    registry: Registry, traps: Sequence[Listed], options: Options
) -> tuple[list[Plan], list[RunConfig]]:
    """Return a plan for each trap, and all their runs, each once: most share one of their forms.

    Args:
        registry: the plugins.
        traps: of methods; those of streams get a plan that says that they are not run.
        options: stream, seeds and so on; settings of a method count in both forms.

    Raises:
        ConfigError: lists all mistakes.
    """
    plans = []
    for each in _once(traps):
        if each.kind == "stream" or not each.trap.measurable:
            plans.append(Plan(each, reason=each.trap.unmeasurable))
            continue
        if missing := _lacking(registry, each, options.stream):
            plans.append(Plan(each, reason=missing))
            continue
        published, intended = (_runs(registry, each, options, form) for form in ("published", "intended"))
        plans.append(Plan(each, published, intended))
    runs: dict[str, RunConfig] = {}
    for plan in plans:
        for config in (*plan.published, *plan.intended):
            known = runs.get(config.key)
            # Of equal runs the one in which fewest settings were set by hand, for the labels of tables.
            if known is None or _by_hand(config) < _by_hand(known):
                runs[config.key] = config
    return plans, list(runs.values())


def _once(traps: Sequence[Listed]) -> list[Listed]:
    """Without the second mention of a trap that is switched by the method's name, which two methods have."""
    seen: list[object] = []
    kept = []
    for each in traps:
        if each.trap.where != "method" or each.trap not in seen:
            kept.append(each)
        seen.append(each.trap)
    return kept


def _lacking(registry: Registry, listed: Listed, stream: str | None) -> str:
    """What the stream has not that the method needs; empty where nothing is lacking."""
    from clbench.config.resolving import DEFAULT_STREAM
    from clbench.streams.folders import find_stream

    spec = find_stream(registry, stream or DEFAULT_STREAM).spec
    needed = registry.methods[listed.owner].spec.requires
    missing = [need for need in needed if getattr(spec, need) is None]
    return f"stream {spec.name} has no {' and no '.join(missing).replace('_', ' ')}" if missing else ""


def _runs(registry: Registry, listed: Listed, options: Options, form: Form) -> tuple[RunConfig, ...]:
    from clbench.config import resolve

    trap = listed.trap
    method = str(trap.value(form)) if trap.where == "method" else listed.owner
    given: dict[str, Any] = {**trap.given, **options.settings.get(method, {})}

    def resolved(settings: Mapping[str, Any]) -> tuple[RunConfig, ...]:
        wished = replace(options, methods=(method,), settings={method: settings} if settings else {})
        return resolve(registry, wished)

    usual = resolved(given)
    value = trap.value(form)
    if trap.where == "method" or usual[0].settings[trap.switch] == value:
        return usual
    return resolved({**given, trap.switch: value})


def _by_hand(config: RunConfig) -> int:
    return sum(source == "user" for source in config.settings_sources.values())


def compare_forms(plans: Sequence[Plan], out: Path) -> list[Measured]:
    """Compare what the planned runs have recorded under ``out``."""
    from clbench.boards.traps.measuring import Measured, measured
    from clbench.results import RECORD_FILE, StoredRecord, read_record
    from clbench.runs import run_folder

    def stored(config: RunConfig) -> list[StoredRecord]:
        path = run_folder(out, config) / RECORD_FILE
        return [StoredRecord(path, read_record(path))] if path.exists() else []

    found = []
    for plan in plans:
        if plan.reason:
            found.append(Measured(plan.listed, None, plan.reason))
            continue
        published, intended = (
            [record for config in configs for record in stored(config)]
            for configs in (plan.published, plan.intended)
        )
        found.append(measured(plan.listed, published, intended))
    return found


def compare_recorded(
    registry: Registry, traps: Sequence[Listed], paths: Sequence[Path]
) -> tuple[list[Measured], list[str]]:
    """Compare the runs under ``paths`` that differ in one trap alone; return remarks, too."""
    from clbench.boards.traps.measuring import Measured, measured
    from clbench.boards.traps.pairing import pair_of_forms
    from clbench.results import load_records
    from clbench.traps import TrapBook

    loaded = load_records(list(paths))
    book = TrapBook.of(registry)
    found = []
    for each in _once(traps):
        if each.kind == "stream" or not each.trap.measurable:
            found.append(Measured(each, None, each.trap.unmeasurable))
            continue
        published, intended = pair_of_forms(each, loaded.stored, book)
        if published:
            found.append(measured(each, published, intended))
        else:
            found.append(Measured(each, None, "no finished runs differ in it alone"))
    return found, [f"left out: {problem.error.line}" for problem in loaded.problems]
