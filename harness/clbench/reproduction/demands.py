"""What a run needs before it begins, and how much work it is. No data are opened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from clbench.config import RunConfig
from clbench.plugins import Registry
from clbench.specs import MethodSpec, Need, StreamSpec, load_reference
from clbench.streams.disk import cache_root, free_bytes, gigabytes

__all__ = ["Demands", "demands_of"]


@dataclass(frozen=True, slots=True)
class Demands:
    """What a run takes.

    Attributes:
        lines: what it uses and how much, in words, by title.
        needs: what must be on the disk.
        optional: what only some of the method's settings use.
    """

    lines: tuple[tuple[str, str], ...]
    needs: tuple[Need, ...]
    optional: tuple[Need, ...] = ()

    @property
    def lacking(self) -> tuple[Need, ...]:
        """What keeps the run from beginning."""
        return tuple(need for need in self.needs if not (need.there or need.comes))

    @property
    def coming(self) -> tuple[Need, ...]:
        """What comes by itself at its first use."""
        return tuple(need for need in self.needs if need.comes and not need.there)


def demands_of(config: RunConfig, registry: Registry) -> Demands:
    """Return what the run of ``config`` takes."""
    from clbench.models.backbonefiles import find_backbone
    from clbench.streams.folders import find_stream

    stream = find_stream(registry, config.stream_source).spec
    method = registry.find("method", config.method).spec
    backbone = find_backbone(registry, config.backbone_source).spec
    needs = [*_told(stream.needs, stream.arguments), *_told(backbone.needs, ())]
    lines = [("images", _images(stream))]
    optional: list[Need] = []
    for kind, name in (("reference", stream.reference), ("class_pool", stream.class_pool)):
        if name is None or kind not in (*method.requires, *method.optional):
            continue
        found = registry.find("dataset", name).spec
        sometimes = "" if kind in method.requires else " (some settings use it)"
        lines.append((kind.replace("_", " "), f"{name}: {found.title}{sometimes}"))
        (optional if sometimes else needs).extend(_told(found.needs, found.arguments))
    parameters = f", {backbone.parameters / 1e6:.1f} M parameters" if backbone.parameters else ""
    lines.append(("backbone", f"{backbone.name}{parameters}"))
    if config.generator is not None:
        generator = registry.find("generator", config.generator).spec
        lines.append(("generator", f"{generator.name}: {generator.title}"))
        needs += _told(generator.needs, ())
    if method.assumptions.external_models:
        lines.append(("other models", ", ".join(method.assumptions.external_models)))
    if stream.needs is not None:
        lines.append(("disk", _disk(stream, backbone.image_size, needs)))
    lines.append(("passes", _passes(config, stream, method)))
    return Demands(tuple(lines), tuple(dict.fromkeys(needs)), tuple(dict.fromkeys(optional)))


def _told(reference: str | None, arguments: Iterable[str]) -> Iterator[Need]:
    if reference is not None:
        yield from load_reference(reference)(*arguments)


def _images(stream: StreamSpec) -> str:
    train, test = (_counted(stream.total(part)) for part in ("train", "test"))
    shots = f", {stream.shots} a class" if stream.shots else ""
    return f"{len(stream.tasks)} tasks, {train} images to train{shots}, {test} to test"


def _disk(stream: StreamSpec, side: int, needs: Iterable[Need]) -> str:
    """The decoded test images, and what is still to be fetched, as far as its size is known."""
    tested = stream.total("test")
    size = "an unknown size" if tested is None else gigabytes(tested * 3 * side * side)
    told = [f"{size} of decoded test images, once for all methods"]
    told.append(f"{gigabytes(free_bytes(cache_root()))} are free in {cache_root()}")
    to_fetch = sum(need.gigabytes for need in needs if not need.there)
    if to_fetch:
        told.append(f"what is missing is about {to_fetch:,.1f} GB to fetch")
    return "; ".join(told)


def _passes(config: RunConfig, stream: StreamSpec, method: MethodSpec) -> str:
    """Images through the model at test, and in training as far as the settings tell."""
    tasks, tested = len(stream.tasks), stream.total("test")
    if method.protocol == "zero_shot":
        return f"{_counted(tested)} test images, once; nothing is trained"
    times = 2 if method.protocol == "joint" else tasks + 1
    total = None if tested is None else times * tested
    told = [f"{_counted(total)} test images ({times} tests of all tasks)"]
    settings: dict[str, Any] = dict(config.settings)
    steps, epochs, batch = (settings.get(name) for name in ("iterations", "epochs", "batch_size"))
    if isinstance(steps, int) and isinstance(batch, int):
        told.append(f"{steps:,} steps of {batch} images for each of {tasks} tasks")
    elif isinstance(epochs, int):
        told.append(f"{epochs} epochs of {_counted(stream.total('train'))} training images")
    return "; ".join(told)


def _counted(number: int | None) -> str:
    return "an unknown number of" if number is None else f"{number:,}"
