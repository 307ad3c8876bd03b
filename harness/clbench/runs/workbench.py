"""What a run computes with: models, reference data, generators; and the method, made of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from clbench.config import RunConfig
from clbench.errors import ConfigError, MethodError, PluginError
from clbench.methods.context import Context, FeatureCache, ProgressFunction, Reference
from clbench.methods.contract import Method
from clbench.methods.resuming import StepStore
from clbench.models import Backbone, ImageGenerator
from clbench.models.generation import GeneratedImages
from clbench.models.parts import MISSING, parts_of
from clbench.plugins import Registry
from clbench.runs.sources import RunSources, Sources
from clbench.runs.worker.watch import given
from clbench.specs import load_reference
from clbench.streams import ImageSet
from clbench.streams.folders import find_dataset


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


class Workbench(Sources):
    """Sources, and what needs torch: each loaded once."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(registry)
        self.features = FeatureCache()

    @classmethod
    def sharing(cls, sources: Sources) -> Workbench:
        """A workbench with what ``sources`` has loaded and loads."""
        workbench = cls(sources.registry)
        workbench._loaded, workbench._lock = sources._loaded, sources._lock
        return workbench

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

    def generator(self, name: str, device: torch.device) -> ImageGenerator:
        """The text-to-image model ``name``."""
        spec = self.registry.find("generators", name).spec

        def load() -> ImageGenerator:
            generator: ImageGenerator = load_reference(spec.factory)(str(device))
            return generator

        return self._once(("generator", name, str(device)), load)


class Bench:
    """One configuration's share of the workbench: the initial model, a context, the method.

    Attributes:
        declared: what the method wants recorded; known once it is built.
    """

    def __init__(
        self, workbench: Workbench, config: RunConfig, scratch: Path, task_keys: Sequence[str]
    ) -> None:
        self._workbench = workbench
        self.sources = RunSources(workbench, config)
        self.config = config
        self.scratch = scratch
        self.task_keys = tuple(task_keys)
        self.declared: dict[str, str | float | bool] = {}
        self.device = resolve_device(config.device)
        self.method = self.sources.method
        self.initial = workbench.backbone(config.backbone_source, self.device)
        self._check_parts()

    @property
    def reference_origin(self) -> str:
        """Where the reference data are from, if the method has asked for them."""
        name = self.sources.reference
        return self._workbench.reference_origin(name) if name else ""

    def _check_parts(self) -> None:
        """Refuse a backbone without what the method needs; most are refused by their descriptions before."""
        needed = {each.part for each in self.method.spec.parts if each.arises(self.config.settings)}
        lacking = needed - parts_of(self.initial.model) if needed else set()
        if lacking:
            raise ConfigError(
                f"{self.config.method} does not work on backbone {self.config.backbone}",
                why=" and ".join(MISSING[part] for part in sorted(lacking)),
                fix="choose another --backbone",
            )

    def context(self, progress: ProgressFunction, steps: StepStore | None = None) -> Context:
        """A context with exactly the extra data that the method declares, so that an undeclared use fails.

        ``steps`` is where methods that can go on in the middle of a task are kept.
        """
        workbench, sources = self._workbench, self.sources
        declared = {*self.method.spec.requires, *self.method.spec.optional}
        reference, generator = sources.reference, sources.generator
        pool = sources.stream_spec.class_pool if "class_pool" in declared else None
        return Context(
            initial=self.initial,
            seed=self.config.seed,
            task_keys=self.task_keys,
            scratch=self.scratch,
            precision=self.config.precision,
            reference=(lambda: workbench.reference(reference)) if reference else None,
            class_pool=(lambda: workbench.names(pool)) if pool else None,
            generator=(lambda: workbench.generator(generator, self.device)) if generator else None,
            features=workbench.features,
            progress=progress,
            steps=steps,
            lending=given,
        )

    def build(self, context: Context) -> Method:
        """A fresh instance of the method on its own copy of the initial weights."""
        method_class = load_reference(self.method.spec.factory)
        settings = load_reference(self.method.spec.settings).model_validate(self.config.settings)
        method_class.check(settings)
        context.begin("init")
        backbone = self.initial.copy().unfreeze()
        method = method_class(backbone, settings, context)
        if not isinstance(method, Method):
            raise PluginError(
                f"{self.method.spec.factory} of {self.method.distribution} is not a clbench.Method"
            )
        self.declared = _declared(method.declares(settings))
        return method


def _declared(found: object) -> dict[str, str | float | bool]:
    """What ``declares()`` gave, if a record can hold it.

    Raises:
        MethodError: it is something else, or too much.
    """
    if not isinstance(found, Mapping):
        raise MethodError(f"declares() gave a {type(found).__name__}", why=_DECLARED)
    for name, value in found.items():
        plain = isinstance(name, str) and isinstance(value, str | int | float)
        if not plain or (isinstance(value, float) and not math.isfinite(value)):
            raise MethodError(f"declares() gave {name!r:.40} as {value!r:.40}", why=_DECLARED)
    if sum(len(name) + len(str(value)) for name, value in found.items()) > _MOST_DECLARED:
        raise MethodError("declares() gave more than a record has room for", why=_DECLARED)
    return dict(found)


_MOST_DECLARED = 10_000  # characters
_DECLARED = "a dictionary of short texts, finite numbers, true and false is due, by names"
