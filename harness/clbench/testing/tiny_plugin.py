"""A plugin made of the doubles, for tests: ``Registry.of(tiny_plugin, my_plugin)``.

It gives stream ``tiny`` (three tasks), backbone ``tiny``, reference data, a class pool, a data set to hold
out, and a generator that draws noise.
"""

from __future__ import annotations

from clbench.hookspecs import hookimpl
from clbench.specs import BackboneSpec, DatasetSpec, GeneratorSpec, StreamSpec, TaskSummary

__all__: list[str] = []

_HERE = "clbench.testing.doubles"


@hookimpl
def clbench_streams() -> list[StreamSpec]:
    return [
        StreamSpec(
            name="tiny",
            title="Tiny",
            summary="three tasks of four drawn patterns",
            factory=f"{_HERE}:tiny_stream",
            tasks=tuple(
                TaskSummary(key=f"t{t}", title=f"Task {t}", classes=4, train=24, test=12) for t in range(3)
            ),
            orders={"I": ("t0", "t1", "t2"), "II": ("t2", "t0", "t1")},
            default_order="I",
            default_backbone="tiny",
            reference="tiny-reference",
            class_pool="tiny-pool",
            generator="tiny-noise",
            protocol="tiny",
        )
    ]


@hookimpl
def clbench_datasets() -> list[DatasetSpec]:
    return [
        DatasetSpec(
            name="tiny-reference",
            title="Tiny reference",
            summary="drawn images and texts",
            kind="reference",
            factory=f"{_HERE}:tiny_reference_dataset",
        ),
        DatasetSpec(
            name="tiny-pool",
            title="Tiny pool",
            summary="five class names",
            kind="names",
            factory=f"{_HERE}:tiny_names",
        ),
        DatasetSpec(
            name="tiny-held-out",
            title="Tiny held-out",
            summary="ten images of five classes",
            kind="held_out",
            factory=f"{_HERE}:tiny_held_out",
        ),
    ]


@hookimpl
def clbench_backbones() -> list[BackboneSpec]:
    return [
        BackboneSpec(
            name="tiny",
            title="Tiny CLIP",
            summary="two layers a tower, random weights",
            factory=f"{_HERE}:tiny_backbone_on",
            parameters=1_650_000,
            image_size=16,
            parts=("vision-transformer", "class-token", "text-transformer"),
        )
    ]


@hookimpl
def clbench_generators() -> list[GeneratorSpec]:
    return [
        GeneratorSpec(
            name="tiny-noise",
            title="Noise",
            summary="an image of noise for each seed",
            factory=f"{_HERE}:NoiseGenerator",
        )
    ]
