"""What is to be run for a published row: the configuration, and where each value comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from clbench.config import Options, RunConfig, resolve
from clbench.config.settings import preset_settings, resolve_settings
from clbench.errors import ClbenchError, ConfigError
from clbench.models.backbonefiles import find_backbone
from clbench.plugins import Registry
from clbench.reproduction.catalogue import Listed
from clbench.results.claims import NOT_STATED, UNSET, Claim, Difference, facts_apart
from clbench.specs import PROTOCOL_FACTS
from clbench.streams.folders import find_stream
from clbench.traps.forms import form_of

__all__ = ["Plan", "plan_for", "published_settings"]

_EXCHANGED = ("splits", "names", "draw")
"""Facts that are exchanged under the names that they have."""

Origin = Literal["preset", "default", "tuned", "user"]


@dataclass(frozen=True, slots=True)
class Plan:
    """A row and the runs for it, one a seed.

    Attributes:
        row: the published row.
        configs: as ``clbench run`` would resolve them.
        origins: where each setting's value comes from.
    """

    row: Listed
    configs: tuple[RunConfig, ...]
    origins: Mapping[str, Origin]

    def forms(self, registry: Registry) -> dict[str, list[str]]:
        """The method's traps by the form that the run has them in: ``published``, ``intended``, ``other``."""
        config = self.configs[0]
        found: dict[str, list[str]] = {}
        for trap in registry.find("method", config.method).spec.traps:
            form, _ = form_of(trap, config.method, config.settings)
            found.setdefault(form, []).append(trap.id)
        return found

    def foreseen(self, registry: Registry) -> tuple[str, ...]:
        """Why what it gives will not be comparable with the row, as far as that is known before it is run."""
        claim, config = self.row.claim, self.configs[0]
        stream = find_stream(registry, config.stream_source).spec
        backbone = find_backbone(registry, config.backbone_source).spec
        apart = [Difference("backbone", backbone.name, claim.backbone)]
        apart += [Difference(name, value, UNSET) for name, value in config.stream_variables.items()]
        settings, _ = published_settings(registry, claim)
        apart += [
            Difference(name, config.settings[name], settings.get(name))
            for name, origin in self.origins.items()
            if origin == "user"
        ]
        differing = [each for each in apart if each.found != each.wanted]
        return tuple(map(str, (*facts_apart(claim, stream.facts), *differing)))


def published_settings(registry: Registry, claim: Claim) -> tuple[dict[str, Any], list[ClbenchError]]:
    """Return all settings that a row stands for, and what is wrong with them."""
    method = registry.find("method", claim.method)
    if claim.run is not None:
        settings, _, problems = preset_settings(method, claim.run)
    else:
        settings, _, problems = resolve_settings(method, claim.stream, {})
    return settings, problems


def plan_for(row: Listed, registry: Registry, wishes: Options) -> Plan:
    """Resolve the run of a published row.

    Args:
        row: which.
        registry: the plugins.
        wishes: seeds, device, folder and what else the user wants otherwise; settings, too.

    Raises:
        ConfigError: nothing can be run for that row, or what was asked for has mistakes.
    """
    claim = row.claim
    if claim.incomparable:
        raise ConfigError(f"{row.title} cannot be run", why=claim.incomparable)
    method = registry.find("method", claim.method)
    preset = claim.run
    given: dict[str, Any] = {}
    if preset is not None:
        _, given, problems = preset_settings(method, preset)
        if problems:
            raise ConfigError(
                f"the preset {preset.name!r} of {claim.method} cannot be run", problems=problems
            )
    row_options = Options(
        methods=(claim.method,),
        stream=_stream_of(claim, registry),
        order=claim.order,
        backbone=claim.backbone,
        label_space=claim.label_space,
        eval_batch=preset.eval_batch if preset is not None else None,
        generator=(preset.generator or None) if preset is not None else None,
        settings={claim.method: given},
    )
    configs = resolve(registry, wishes.over(row_options))
    yours = wishes.settings.get(claim.method, {})
    return Plan(row, configs, _origins(configs[0], claim, yours))


def _stream_of(claim: Claim, registry: Registry) -> str:
    """The row's stream, with those facts exchanged that it has not by itself, such as the draw of shots."""
    own = find_stream(registry, claim.stream).spec
    wanted = {
        each.name: str(each.wanted) for each in facts_apart(claim, own.facts) if each.wanted != NOT_STATED
    }
    keys = {words: name for name, words in PROTOCOL_FACTS.items() if name in _EXCHANGED}
    name = "".join(
        [claim.stream, *(f"+{keys[words]}={value}" for words, value in wanted.items() if words in keys)]
    )
    try:
        return find_stream(registry, name).spec.name
    except ConfigError:
        return claim.stream  # the plan foresees what is other then


def _origins(config: RunConfig, claim: Claim, yours: Mapping[str, Any]) -> dict[str, Origin]:
    of_preset = set(claim.settings)
    return {
        name: "user" if name in yours else "preset" if name in of_preset else _without_preset(source)
        for name, source in config.settings_sources.items()
    }


def _without_preset(source: str) -> Origin:
    return "tuned" if source == "tuned" else "default"
