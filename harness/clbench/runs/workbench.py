"""What runs share in one process: streams, backbones, reference data and generators, each loaded once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import torch

from clbench.config import RunConfig
from clbench.errors import ConfigError, DataError, PluginError
from clbench.methods.context import Context, FeatureCache, ProgressFunction, Reference
from clbench.methods.contract import Method
from clbench.models import Backbone, ImageGenerator
from clbench.models.backbonefiles import find_backbone
from clbench.plugins import Contribution, Registry
from clbench.specs import BackboneSpec, StreamSpec, load_reference
from clbench.streams import HeldOut, ImageSet, Stream, order_keys
from clbench.streams.folders import find_dataset, find_stream

T = TypeVar("T")

__all__ = ["Bench", "Workbench", "resolve_device"]


def resolve_device(name: str) -> torch.device:
    """The torch device for ``cpu``, ``cuda``, ``cuda:1``, ``mps`` or ``auto`` (the fastest there is).

    Raises:
        ConfigError: there is no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"device {name!r} cannot be used", why=str(error).splitlines()[0], fix="use --device cpu"
        ) from error
    return device


class Workbench:
    """Loads what configurations name, at first use, and keeps it."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.features = FeatureCache()
        self._loaded: dict[tuple[str, ...], Any] = {}

    def find_stream(self, name: str) -> Contribution[StreamSpec]:
        """The description of the stream ``name``, or of the YAML file ``name``."""
        return self._once(("stream spec", name), lambda: find_stream(self.registry, name))

    def stream(self, name: str, order: str) -> Stream:
        """The stream ``name``, or that of the YAML file ``name``, with its tasks in ``order``."""
        spec = self.find_stream(name).spec
        stream: Stream = self._once(("stream", name), spec.build)
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

    def backbone(self, name: str, device: torch.device) -> Backbone:
        """The frozen initial model; copy it before changing anything."""
        spec = self.find_backbone(name).spec

        def load() -> Backbone:
            backbone: Backbone = spec.build(str(device))
            return backbone.freeze()

        return self._once(("backbone", name, str(device)), load)

    def reference(self, name: str) -> Reference:
        """Reference images and texts of the data set ``name``."""

        def load() -> Reference:
            dataset = find_dataset(self.registry, name).spec.build()
            if isinstance(dataset, Reference):
                return dataset
            contents = dataset["sha256"] if "sha256" in dataset.column_names else None
            images = ImageSet(dataset, name=name, label=None, contents=contents)
            return Reference(images, tuple(dataset["text"]))

        return self._once(("reference", name), load)

    def reference_origin(self, name: str) -> str:
        """Where the reference data ``name`` are from, if a method has asked for them."""
        loaded = self._loaded.get(("reference", name))
        return loaded.origin if isinstance(loaded, Reference) else ""

    def names(self, name: str) -> tuple[str, ...]:
        """Class names of the data set ``name``."""
        spec = find_dataset(self.registry, name).spec
        return self._once(("names", name), lambda: tuple(map(str, spec.build())))

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

    def generator(self, name: str, device: torch.device) -> ImageGenerator:
        """The text-to-image model ``name``."""
        spec = self.registry.find("generators", name).spec

        def load() -> ImageGenerator:
            generator: ImageGenerator = load_reference(spec.factory)(str(device))
            return generator

        return self._once(("generator", name, str(device)), load)

    def _once(self, key: tuple[str, ...], load: Callable[[], T]) -> T:
        if key not in self._loaded:
            self._loaded[key] = load()
        loaded: T = self._loaded[key]
        return loaded


class Bench:
    """One configuration's share of the workbench.

    Attributes:
        declared: what the method wants recorded; known once it is built.
    """

    def __init__(self, workbench: Workbench, config: RunConfig, scratch: Path) -> None:
        self._workbench = workbench
        self.config = config
        self.scratch = scratch
        self.declared: dict[str, str | float | bool] = {}
        self.device = resolve_device(config.device)
        self.method = workbench.registry.find("methods", config.method)
        self.found_stream = workbench.find_stream(config.stream_source)
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
        if workbench.find_backbone(config.backbone_source).spec.digest != config.backbone_digest:
            raise DataError(
                f"{config.backbone_source} was changed after the run was planned",
                fix="run the command again: these are other weights now",
            )

    @cached_property
    def stream(self) -> Stream:
        return self._workbench.stream(self.config.stream_source, self.config.order)

    @cached_property
    def held_out(self) -> tuple[HeldOut, ...]:
        """What is tested beside the tasks."""
        found = tuple(self._workbench.held_out(name) for name in self.config.held_out)
        taken = {held.key for held in found} & set(self.stream.keys)
        if taken:
            raise ConfigError(
                f"{', '.join(sorted(taken))} cannot be held out: the stream has a task of that name",
                fix="leave it out of --held-out; its column of the matrix says what is asked",
            )
        return found

    @cached_property
    def initial(self) -> Backbone:
        return self._workbench.backbone(self.config.backbone_source, self.device)

    def origins(self) -> dict[str, str]:
        """Where data are from that are no folder of the user's: tasks, data sets held out, reference data."""
        found = dict(self.stream.origins)
        found |= {held.key: held.origin for held in self.held_out}
        name, declared = self.stream_spec.reference, self.method.spec
        if name and "reference" in (*declared.requires, *declared.optional):
            found[name] = self._workbench.reference_origin(name)
        return {key: origin for key, origin in found.items() if origin}

    def plugin_versions(self) -> dict[str, str]:
        """Version by distribution of the plugins that this run uses."""
        registry, config = self._workbench.registry, self.config
        used = [
            self.method,
            self.found_stream,
            self._workbench.find_backbone(config.backbone_source),
        ]
        if config.generator and "generator" in self.method.spec.requires:
            used.append(registry.find("generators", config.generator))
        return {found.distribution: found.version for found in used}

    def context(self, progress: ProgressFunction) -> Context:
        """A context with exactly the extra data that the method declares, so that an undeclared use fails."""
        workbench, spec, config = self._workbench, self.stream_spec, self.config
        declared = {*self.method.spec.requires, *self.method.spec.optional}
        reference, pool, generator = spec.reference, spec.class_pool, config.generator
        return Context(
            initial=self.initial,
            seed=config.seed,
            task_keys=self.stream.keys,
            scratch=self.scratch,
            precision=config.precision,
            reference=(lambda: workbench.reference(reference))
            if reference and "reference" in declared
            else None,
            class_pool=(lambda: workbench.names(pool)) if pool and "class_pool" in declared else None,
            generator=(
                (lambda: workbench.generator(generator, self.device))
                if generator and "generator" in declared
                else None
            ),
            features=workbench.features,
            progress=progress,
        )

    def build(self, context: Context) -> Method:
        """A fresh instance of the method on its own copy of the initial weights."""
        method_class = load_reference(self.method.spec.factory)
        settings = load_reference(self.method.spec.settings).model_validate(self.config.settings)
        method_class.check(settings)
        context.begin("init")
        backbone = self.initial.copy()
        backbone.model.requires_grad_(True)
        backbone.logit_scale.requires_grad_(False)
        method = method_class(backbone, settings, context)
        if not isinstance(method, Method):
            raise PluginError(
                f"{self.method.spec.factory} of {self.method.distribution} is not a clbench.Method"
            )
        self.declared = dict(method.declares(settings))
        return method
