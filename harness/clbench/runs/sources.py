"""Streams, data held out, and descriptions of what configurations name, each loaded once. No torch here."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

from clbench.config import RunConfig
from clbench.errors import ConfigError, DataError, PluginError
from clbench.models.backbonefiles import find_backbone
from clbench.plugins import Contribution, Registry
from clbench.specs import BackboneSpec, StreamSpec
from clbench.streams import HeldOut, Stream, order_keys
from clbench.streams.folders import find_dataset, find_stream
from clbench.streams.prompts import warning

__all__ = ["RunSources", "Sources"]

T = TypeVar("T")

log = logging.getLogger(__name__)


class Sources:
    """Loads what configurations name, at first use, and keeps it; several threads may ask."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._loaded: dict[tuple[str, ...], Any] = {}
        self._lock = threading.RLock()

    def find_stream(self, name: str) -> Contribution[StreamSpec]:
        """The description of the stream ``name``, or of the YAML file ``name``."""
        return self._once(("stream spec", name), lambda: find_stream(self.registry, name))

    def stream(self, name: str, order: str) -> Stream:
        """The stream ``name``, or that of the YAML file ``name``, with its tasks in ``order``."""
        spec = self.find_stream(name).spec
        stream: Stream = self._once(("stream", name), lambda: _told(spec.build()))
        keys = tuple(task.key for task in spec.tasks)
        if stream.keys != keys:
            raise PluginError(
                f"stream {name!r} does not hold the tasks that its plugin declares",
                why=f"declared {', '.join(keys)}; built {', '.join(stream.keys)}",
            )
        ordered = order_keys(order, keys, spec.orders, stream=name)
        return self._once(("ordered", name, order), lambda: stream.ordered(order, ordered))

    def find_backbone(self, name: str) -> Contribution[BackboneSpec]:
        """The description of the backbone ``name``, or of the weights that ``ARCHITECTURE:FILE`` names."""
        return self._once(("backbone spec", name), lambda: find_backbone(self.registry, name))

    def held_out(self, name: str) -> HeldOut:
        """The data set ``name`` that is in no task."""

        def load() -> HeldOut:
            found = find_dataset(self.registry, name)
            held = found.spec.build()
            if not isinstance(held, HeldOut) or held.key != name:
                raise PluginError(
                    f"data set {name!r} of {found.distribution} is not a clbench.streams.HeldOut of that key"
                )
            return held

        return self._once(("held out", name), load)

    def _once(self, key: tuple[str, ...], load: Callable[[], T]) -> T:
        with self._lock:
            if key not in self._loaded:
                self._loaded[key] = load()
            loaded: T = self._loaded[key]
            return loaded


def _told(stream: Stream) -> Stream:
    """Say which classes of a task the model cannot tell apart, before anything is learned."""
    for task in stream.tasks:
        if said := warning(task.classes, task.templates):
            log.warning("%s, %s: %s", stream.name, task.title, said)
    return stream


class RunSources:
    """One configuration's share of them.

    Raises:
        DataError: what the configuration names is not what it was when the run was planned.
    """

    def __init__(self, sources: Sources, config: RunConfig) -> None:
        self.sources = sources
        self.config = config
        self.method = sources.registry.find("methods", config.method)
        self.found_stream = sources.find_stream(config.stream_source)
        self.stream_spec: StreamSpec = self.found_stream.spec
        if self.stream_spec.digest != config.stream_digest:
            raise DataError(
                f"{config.stream_source} or its images were changed after the run was planned",
                fix="run the command again: it is another stream now",
            )
        now = self.stream_spec.deciding()
        if now != config.stream_variables:
            wanted = {**dict.fromkeys(now, "unset"), **config.stream_variables}
            raise DataError(
                f"stream {config.stream} is another one in this environment than in the run",
                why=", ".join(f"{name} was {value}" for name, value in wanted.items())
                + f"; now {', '.join(f'{name} is {value}' for name, value in now.items()) or 'none is set'}",
                fix="set the environment as it was",
            )
        self.backbone = sources.find_backbone(config.backbone_source)
        if self.backbone.spec.digest != config.backbone_digest:
            raise DataError(
                f"{config.backbone_source} was changed after the run was planned",
                fix="run the command again: these are other weights now",
            )

    @cached_property
    def stream(self) -> Stream:
        return self.sources.stream(self.config.stream_source, self.config.order)

    @cached_property
    def held_out(self) -> tuple[HeldOut, ...]:
        """What is tested beside the tasks."""
        found = tuple(self.sources.held_out(name) for name in self.config.held_out)
        taken = {held.key for held in found} & set(self.stream.keys)
        if taken:
            raise ConfigError(
                f"{', '.join(sorted(taken))} cannot be held out: the stream has a task of that name",
                fix="leave it out of --held-out; its column of the matrix says what is asked",
            )
        return found

    @property
    def reference(self) -> str | None:
        """Name of the stream's reference data, if the method may use it."""
        declared = {*self.method.spec.requires, *self.method.spec.optional}
        return self.stream_spec.reference if "reference" in declared else None

    @property
    def generator(self) -> str | None:
        """Name of the text-to-image model, if the method requires one."""
        return self.config.generator if "generator" in self.method.spec.requires else None

    def plugin_versions(self) -> dict[str, str]:
        """Version by distribution of the plugins that this run uses."""
        used = [self.method, self.found_stream, self.backbone]
        if self.generator:
            used.append(self.sources.registry.find("generators", self.generator))
        return {found.distribution: found.version for found in used}

    def origins(self, reference: str = "") -> dict[str, str]:
        """Where data are from that are no folder of the user's: tasks, data sets held out, reference data.

        Args:
            reference: origin of the reference data, if the method has asked for them.
        """
        found = dict(self.stream.origins)
        found |= {held.key: held.origin for held in self.held_out}
        if self.reference:
            found[self.reference] = reference
        return {key: origin for key, origin in found.items() if origin}
