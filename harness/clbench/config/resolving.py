"""Options → run configurations, with every mistake named at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

from clbench.config.options import Options
from clbench.config.outputs import output_problem, unwritable
from clbench.config.runconfig import Composition, RunConfig
from clbench.config.settings import resolve_settings
from clbench.errors import ClbenchError, ConfigError, UnknownNameError, did_you_mean, refused
from clbench.plugins import Contribution, Kind, Registry
from clbench.plugins.sources import code_digest
from clbench.specs import BackboneSpec, MethodSpec, StreamSpec

__all__ = ["DEFAULT_STREAM", "PRECISIONS", "resolve"]

DEFAULT_STREAM = "mini"
PRECISIONS = ("fp32", "bf16", "fp16")
COMPOSITIONS = get_args(Composition)

T = TypeVar("T")


def resolve(
    registry: Registry,
    options: Options,
    *,
    find_device: Callable[[str], str] | None = None,
    out: Path | None = None,
) -> tuple[RunConfig, ...]:
    """Return the planned runs, methods first, then seeds. Imports torch only when all else is right.

    Args:
        registry: the plugins.
        options: what was asked for; a stream's defaults and the methods' tuned values fill the rest.
        find_device: turns ``auto``, ``cuda``, … into a device that exists here; for tests.
        out: where records are to go, if that is to be looked at, too. A folder that cannot be written to is
            refused only where it has none yet: finished runs can be shown.

    Raises:
        ConfigError: lists all mistakes.
    """
    return _Resolver(registry, options).resolve(find_device or usable_device, out)


def usable_device(name: str) -> str:
    """``cuda`` for ``auto`` where there is one, else ``cpu``.

    Raises:
        ConfigError: there is no such device here.
    """
    if name == "cpu":
        return name
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    count = torch.cuda.device_count() if name.startswith("cuda") else int(torch.backends.mps.is_available())
    if int(name.partition(":")[2] or 0) >= count:
        raise ConfigError(
            f"there is no device {name!r} here",
            why=f"torch {torch.__version__} sees {count} devices of that kind",
            fix="use --device cpu, or --device auto for what there is",
        )
    return name


class _Resolver:
    def __init__(self, registry: Registry, options: Options) -> None:
        self.registry = registry
        self.options = options
        self.problems: list[ClbenchError | str] = list(options.problems)

    def resolve(self, find_device: Callable[[str], str], out: Path | None) -> tuple[RunConfig, ...]:
        from clbench.models.backbonefiles import absolute
        from clbench.streams.folders import is_file

        options = self.options
        wanted = options.stream or DEFAULT_STREAM
        stream = self.find("stream", wanted)
        methods = self.methods()
        order = self.order(stream.spec) if stream else None
        named = options.backbone or (stream.spec.default_backbone if stream else None)
        backbone = None if named is None else self.find("backbone", named)
        if options.generator is not None:
            self.find("generator", options.generator)
        if options.launcher is not None:
            self.find("launcher", options.launcher)
        for held_out in options.held_out or ():
            self.check_held_out(held_out)
        for tracker in options.track or ():
            self.find("tracker", tracker)
        variables = self.try_(stream.spec.deciding) if stream else None
        label_space, label_spaces = self.label_spaces(stream.spec.label_space if stream else "task")
        precision = self.choice("precision", options.precision, PRECISIONS) or "fp32"
        batches = self.choice("composition of batches", options.batches, COMPOSITIONS) or "natural"
        wanted_device = self.device()
        settings = {
            name: self.checked(
                resolve_settings(method, stream.spec.name if stream else None, options.settings.get(name, {}))
            )
            for name, method in methods.items()
        }
        if stream:
            for method in methods.values():
                self.check_requirements(method.spec, stream.spec)
        if backbone:
            for name, method in methods.items():
                self.check_parts(method.spec, settings[name][0], backbone.spec)
        if out is not None:
            self.check_out(out)
        if not self.problems:
            device = self.try_(lambda: find_device(wanted_device)) or wanted_device
        if self.problems:
            count = len(self.problems)
            raise ConfigError(
                f"the configuration has {count} mistakes" if count > 1 else "the configuration has a mistake",
                problems=self.problems,
            )
        assert stream is not None
        assert order is not None
        assert named is not None
        assert backbone is not None
        codes = {name: code_digest(each.spec.factory, each.distribution) for name, each in methods.items()}
        return tuple(
            RunConfig(
                method=name,
                stream=stream.spec.name,
                order=order,
                backbone=backbone.spec.name,
                generator=self.generator(stream.spec) if "generator" in method.spec.requires else None,
                seed=seed,
                device=device,
                precision=cast(Any, precision),
                label_space=cast(Any, label_space),
                label_spaces=cast(Any, label_spaces),
                eval_batch=options.eval_batch or 256,
                checkpoint_steps=options.checkpoint_steps,
                batches=cast(Any, batches),
                held_out=options.held_out or (),
                backbone_file=absolute(named) if backbone.spec.digest else None,
                backbone_digest=backbone.spec.digest,
                stream_file=str(Path(wanted).absolute()) if is_file(wanted) else None,
                stream_digest=stream.spec.digest,
                stream_variables=variables or {},
                method_version=method.version if codes[name] else "",
                method_digest=codes[name],
                settings=settings[name][0],
                settings_sources=settings[name][1],
            )
            for name, method in methods.items()
            for seed in (options.seeds or (0,))
        )

    # -- parts --------------------------------------------------------------------------------------

    def methods(self) -> dict[str, Contribution[MethodSpec]]:
        names = self.options.methods or ()
        if not names and not self.options.problems:
            given = ",".join(self.options.settings)
            self.problems.append(
                ConfigError(
                    "no method is named",
                    why=f"settings are given for {given}, but that runs nothing" if given else "",
                    fix=f"name some: --methods {given or 'zscl,diki,gift'} (clbench list methods)",
                )
            )
        for name in self.options.settings if names else ():
            if name not in names:
                near = did_you_mean(name, names)
                self.problems.append(
                    ConfigError(
                        f"settings are given for {name!r}, which is not among the methods to run",
                        why=f"these are {', '.join(names) or 'none'}",
                        fix=f"write {near[0]}.SETTING=VALUE" if near else f"add {name} to --methods",
                    )
                )
        found = {name: self.find("method", name) for name in names}
        return {name: method for name, method in found.items() if method is not None}

    def order(self, stream: StreamSpec) -> str | None:
        from clbench.streams.tasks import order_keys

        order = self.options.order or stream.default_order
        keys = [task.key for task in stream.tasks]
        return (
            order if self.try_(lambda: order_keys(order, keys, stream.orders, stream=stream.name)) else None
        )

    def label_spaces(self, default: str) -> tuple[str, tuple[str, ...]]:
        from clbench.streams.labels import LABEL_SPACES

        primary = self.choice("label space", self.options.label_space, LABEL_SPACES) or default
        for name in self.options.label_spaces or ():
            self.choice("label space", name, LABEL_SPACES)
        wanted = {primary, *(self.options.label_spaces or LABEL_SPACES)}
        return primary, tuple(name for name in LABEL_SPACES if name in wanted)

    def device(self) -> str:
        device = self.options.device or "auto"
        if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", device):
            self.problems.append(UnknownNameError("device", device, ("auto", "cpu", "cuda", "cuda:0", "mps")))
        return device

    def generator(self, stream: StreamSpec) -> str | None:
        return self.options.generator or stream.generator

    def check_requirements(self, method: MethodSpec, stream: StreamSpec) -> None:
        """What the method cannot do without must be on the stream and installed."""
        needs: tuple[tuple[str, str, Kind, str | None, str], ...] = (
            ("reference", "reference data", "dataset", stream.reference, "choose a stream that has some"),
            ("class_pool", "a class pool", "dataset", stream.class_pool, "choose a stream that has one"),
            (
                "generator",
                "a text-to-image generator",
                "generator",
                self.generator(stream),
                "name one with --generator (clbench list generators)",
            ),
        )
        for need, title, kind, name, fix in needs:
            if need not in method.requires:
                continue
            if name is None:
                self.problems.append(
                    ConfigError(
                        f"method {method.name!r} requires {title}",
                        why=f"stream {stream.name!r} has none",
                        fix=f"{fix}, or write {need}: into {self.options.stream} (docs/streams.md)"
                        if stream.digest
                        else fix,
                    )
                )
            elif not (kind == "generator" and name == self.options.generator):  # that one is checked already
                self.find(kind, name)

    def check_parts(self, method: MethodSpec, settings: Mapping[str, Any], backbone: BackboneSpec) -> None:
        """The backbone must have what the method cannot do without."""
        from clbench.models.parts import MISSING, declared_parts

        wanted = {each.part for each in method.parts if settings and each.arises(settings)}
        has = declared_parts(backbone) if wanted else None
        if has is None or wanted <= has:
            return
        fitting = [
            name
            for name, found in sorted(self.registry.backbones.items())
            if wanted <= (declared_parts(found.spec) or frozenset())
        ]
        self.problems.append(
            ConfigError(
                f"{method.name} does not work on backbone {backbone.name}",
                why=" and ".join(MISSING[part] for part in sorted(wanted - has)),
                fix=f"--backbone {' or '.join(fitting[:3])}" if fitting else "choose another --backbone",
            )
        )

    def check_out(self, out: Path) -> None:
        """The folder of records must be one, and one that can be written to if it has no records yet."""
        problem = output_problem(out)
        if problem is None and not any(out.glob("*/*/record.json")) and (why := unwritable(out)):
            problem = ConfigError(f"nothing can be written to {out}", why=why, fix="choose another --out")
        if problem is not None:
            self.problems.append(problem)

    def check_held_out(self, name: str) -> None:
        """It must be a data set with classes and test images."""
        found = self.find("dataset", name)
        if found is not None and found.spec.kind != "held_out":
            known = sorted(n for n, d in self.registry.datasets.items() if d.spec.kind == "held_out")
            self.problems.append(
                ConfigError(
                    f"data set {name!r} cannot be held out",
                    why=f"it has {'reference data' if found.spec.kind == 'reference' else 'names'}, "
                    "not classes and test images",
                    fix=f"choose among {', '.join(known)}" if known else "install a plugin that gives some",
                )
            )

    # -- collecting mistakes ------------------------------------------------------------------------

    def find(self, kind: Kind, name: str) -> Contribution[Any] | None:
        from clbench.models.backbonefiles import find_backbone
        from clbench.streams.folders import find_dataset, find_stream

        finders: dict[str, Callable[..., Contribution[Any]]] = {
            "stream": find_stream,  # also from a file
            "backbone": find_backbone,
            "dataset": find_dataset,
        }
        if kind in finders:
            return self.try_(lambda: finders[kind](self.registry, name))
        return self.try_(lambda: self.registry.find(kind, name))

    def choice(self, title: str, value: str | None, choices: tuple[str, ...]) -> str | None:
        if value is not None and value not in choices:
            self.problems.append(UnknownNameError(title, value, choices))
        return value

    def checked(self, result: tuple[T, Any, list[ClbenchError]]) -> tuple[T, Any]:
        self.problems += result[2]
        return result[0], result[1]

    def try_(self, action: Callable[[], T]) -> T | None:
        try:
            return action()
        except (ClbenchError, OSError) as raised:
            error = raised if isinstance(raised, ClbenchError) else refused(raised)
            # Two methods may lack the same thing; one line is enough.
            if str(error) not in [str(problem) for problem in self.problems]:
                self.problems.append(error)
            return None
