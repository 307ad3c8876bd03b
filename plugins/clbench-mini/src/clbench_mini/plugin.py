"""What this plugin contributes to clbench. Nothing heavy is imported here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench import BackboneSpec, DatasetSpec, GeneratorSpec, StreamSpec, TaskSummary, hookimpl

from clbench_mini.files import catalogue

if TYPE_CHECKING:
    import click

__all__ = [
    "clbench_backbones",
    "clbench_commands",
    "clbench_datasets",
    "clbench_generators",
    "clbench_streams",
]


@hookimpl
def clbench_streams() -> list[StreamSpec]:
    """The embedded stream."""
    content = catalogue()
    return [
        StreamSpec(
            name="mini",
            title="mini",
            summary="ten domains of 32×32 pictures, in the package; runs on a laptop in minutes",
            factory="clbench_mini.stream:mini",
            tasks=tuple(
                TaskSummary(
                    key=task["key"],
                    title=task["title"],
                    classes=task["classes"],
                    train=task["train"],
                    test=task["test"],
                    groups=task.get("groups"),
                )
                for task in content["tasks"]
            ),
            orders={name: tuple(keys) for name, keys in content["orders"].items()},
            default_order="I",
            default_backbone="mini-clip",
            reference="mini-reference",
            class_pool="mini-names",
            generator="mini-diffusion",
            protocol="mini",
        )
    ]


@hookimpl
def clbench_datasets() -> list[DatasetSpec]:
    """Reference images with captions, and names of things that are in no task."""
    content = catalogue()
    return [
        DatasetSpec(
            name="mini-reference",
            title="mini reference icons",
            summary=f"{content['reference']:,} pre-training icons with captions",
            factory="clbench_mini.stream:reference",
            kind="reference",
        ),
        DatasetSpec(
            name="mini-names",
            title="mini class pool",
            summary=f"{content['class_pool']} names of things that are in no task",
            factory="clbench_mini.stream:class_pool",
            kind="names",
        ),
    ]


@hookimpl
def clbench_backbones() -> list[BackboneSpec]:
    """A small CLIP, pre-trained on icons."""
    return [
        BackboneSpec(
            name="mini-clip",
            title="mini-clip",
            summary="vision 192×4 on 8×8 patches, text 192×3, embedding 128; pre-trained on 300,000 icons",
            factory="clbench_mini.models:mini_clip",
            parameters=catalogue()["backbone_parameters"],
            image_size=32,
            parts=("vision-transformer", "class-token", "text-transformer"),
        )
    ]


@hookimpl
def clbench_generators() -> list[GeneratorSpec]:
    """A small text-to-image model."""
    return [
        GeneratorSpec(
            name="mini-diffusion",
            title="mini-diffusion",
            summary="32×32 pixels, a U-Net told by mini-clip's text tower",
            factory="clbench_mini.models:mini_diffusion",
        )
    ]


@hookimpl
def clbench_commands(app: click.Group) -> None:
    """Add ``clbench mini``."""
    from clbench_mini.commands import mini

    app.add_command(mini)
