"""Streams from a YAML file and image folders, found where a stream's name ends in .yaml or .yml."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from clbench.errors import ConfigError
from clbench.plugins import Contribution, Registry
from clbench.specs import DatasetSpec, StreamSpec, TaskSummary
from clbench.streams.description import Description
from clbench.streams.descriptionfile import read_description
from clbench.streams.entries import ReferenceEntry
from clbench.streams.imagefolders import image_set
from clbench.streams.sharing import shared_classes
from clbench.streams.tasks import Stream, Task
from clbench.streams.varying import varied

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = [
    "PROTOCOL",
    "find_dataset",
    "find_stream",
    "is_file",
    "read_class_pool",
    "read_reference",
    "read_stream",
]

PROTOCOL = "folders"

_REFERENCE, _POOL = "#reference", "#class_pool"  # behind a file's name: the name of a data set in it


def is_file(name: str) -> bool:
    """Whether a stream's name is that of a YAML file."""
    return name.lower().endswith((".yaml", ".yml"))


def find_stream(registry: Registry, name: str) -> Contribution[StreamSpec]:
    """The stream that a plugin calls ``name``, or that the YAML file ``name`` describes.

    ``NAME+fact=value+…`` is the plugin's stream NAME with some facts of its protocol exchanged.

    Raises:
        ConfigError: the file has mistakes, or takes the name of a plugin's stream, or facts cannot be
            exchanged so.
        DataError: an image file cannot be read.
        UnknownNameError, PluginError: see :meth:`clbench.plugins.Registry.find`.
    """
    if not is_file(name):
        return varied(registry, name)
    description = read_description(Path(name).absolute())
    called = description.entry.name
    if called in registry.streams:
        raise ConfigError(
            f"{name} calls its stream {called!r}, which is another one",
            why=f"{registry.streams[called].distribution} gives a stream of that name",
            fix="change its name",
        )
    return Contribution(_spec(description), "file", description.file.name, description.digest[:12])


def find_dataset(registry: Registry, name: str) -> Contribution[DatasetSpec]:
    """The data set that a plugin calls ``name``, or that a stream's file describes.

    Raises:
        UnknownNameError, PluginError: see :meth:`clbench.plugins.Registry.find`.
    """
    file, mark, part = name.rpartition("#")
    if not (mark and is_file(file)):
        return registry.find("dataset", name)
    reference = f"#{part}" == _REFERENCE
    spec = DatasetSpec(
        name=name,
        title=f"{part} of {Path(file).name}",
        summary="reference images and captions" if reference else "class names",
        factory=f"{__name__}:{'read_reference' if reference else 'read_class_pool'}",
        arguments=(file,),
        kind="reference" if reference else "names",
    )
    return Contribution(spec, "file", Path(file).name, "")


def read_stream(file: str) -> Stream:
    """The stream that a YAML file describes; images are decoded when they are used.

    Raises:
        ConfigError: the file has mistakes.
        DataError: an image file cannot be read.
    """
    description = read_description(Path(file))
    tasks = []
    for task in description.tasks:
        images = {
            split: image_set(
                folder.files,
                folder.digests,
                folder.labels(task.folders),
                name=f"{description.entry.name}/{task.key}/{split}",
                groups=task.groups if split == "test" else (),
            )
            for split, folder in task.splits.items()
        }
        tasks.append(
            Task(
                task.key,
                task.title,
                task.classes,
                task.templates,
                images["train"],
                images["test"],
                images.get("val"),
            )
        )
    shared = shared_classes(tasks) if description.entry.shared_classes else {}
    return Stream(description.entry.name, tuple(tasks), protocol=PROTOCOL, shared=shared)


def read_reference(file: str) -> Dataset:
    """Reference images with captions of a stream's file: columns ``image``, ``text`` and ``sha256``.

    Raises:
        ConfigError: the file has mistakes.
        DataError: an image file cannot be read.
    """
    import datasets

    description = read_description(Path(file))
    text = datasets.Value("string")
    features = datasets.Features(image=datasets.Image(), text=text, sha256=text)
    columns = {
        "image": [str(image) for image, _ in description.captions],
        "text": [text for _, text in description.captions],
        "sha256": list(description.reference_digests),
    }
    return datasets.Dataset.from_dict(columns, features=features)


def read_class_pool(file: str) -> tuple[str, ...]:
    """Names of the class pool of a stream's file."""
    return read_description(Path(file)).names


def _spec(description: Description) -> StreamSpec:
    entry, file = description.entry, str(description.file)
    orders = description.orders
    own_names = bool(description.names)
    return StreamSpec(
        name=entry.name,
        title=entry.title or entry.name,
        summary=f"described by {description.file.name}",
        factory=f"{__name__}:read_stream",
        arguments=(file,),
        tasks=tuple(
            TaskSummary(
                key=task.key,
                title=task.title,
                classes=len(task.classes),
                train=len(task.train.files),
                test=len(task.test.files),
                groups=task.group_count,
            )
            for task in description.tasks
        ),
        orders=orders,
        default_order=next(iter(orders)),
        default_backbone=entry.backbone,
        reference=file + _REFERENCE if isinstance(entry.reference, ReferenceEntry) else entry.reference,
        class_pool=file + _POOL if own_names else entry.class_pool,
        generator=entry.generator,
        protocol=PROTOCOL,
        label_space=entry.label_space,
        classes=len({name for task in description.tasks for name in task.classes})
        if entry.shared_classes
        else None,
        digest=description.digest,
    )
