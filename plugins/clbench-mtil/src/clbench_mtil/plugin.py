"""What this plugin contributes to clbench. Nothing heavy is imported here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench import BackboneSpec, DatasetSpec, StreamSpec, hookimpl

from clbench_mtil.variants import VARIANTS, incremental_specs

if TYPE_CHECKING:
    import click

__all__ = ["clbench_backbones", "clbench_commands", "clbench_datasets", "clbench_streams"]


# Of OpenAI's files ViT-B-16.pt and ViT-B-32.pt, as the addresses that it published them under say.
_PUBLISHED = {
    16: "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f",
    32: "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af",
}


@hookimpl
def clbench_streams() -> list[StreamSpec]:
    """MTIL in both protocols, few-shot MTIL, X-TAIL, class-incremental CIFAR100."""
    return [*(variant.spec() for variant in VARIANTS.values()), *incremental_specs()]


@hookimpl
def clbench_datasets() -> list[DatasetSpec]:
    """ImageNet's images with Conceptual Captions' texts, ImageNet's names, and what is held out."""
    return [
        DatasetSpec(
            name="imagenet-100k",
            title="ImageNet, 100,000 images; Conceptual Captions",
            summary="random training images (seed 42) and validation captions; they are no pairs",
            factory="clbench_mtil.reference:reference",
            needs="clbench_mtil.needs:of_reference",
            arguments=("100000",),
            kind="reference",
        ),
        DatasetSpec(
            name="imagenet",
            title="ImageNet; Conceptual Captions",
            summary="all training images and validation captions; they are no pairs",
            factory="clbench_mtil.reference:reference",
            needs="clbench_mtil.needs:of_reference",
            kind="reference",
        ),
        DatasetSpec(
            name="conceptual-captions",
            title="Conceptual Captions, validation",
            summary="images with their captions, as ZSCL's class-incremental code distils on",
            factory="clbench_mtil.reference:conceptual_captions",
            needs="clbench_mtil.needs:of_captions",
            kind="reference",
        ),
        DatasetSpec(
            name="imagenet-names",
            title="ImageNet's class names",
            summary="1,000 names, 998 of them distinct",
            factory="clbench_mtil.reference:class_pool",
            kind="names",
        ),
        DatasetSpec(
            name="imagenet-val",
            title="ImageNet, validation",
            summary="50,000 images of 1,000 classes, OpenAI's names and 80 templates",
            factory="clbench_mtil.heldout:imagenet_val",
            kind="held_out",
        ),
        DatasetSpec(
            name="cifar10",
            title="CIFAR10, test",
            summary="10,000 images of 10 classes, ZSCL's 18 templates",
            factory="clbench_mtil.heldout:cifar10",
            kind="held_out",
        ),
    ]


@hookimpl
def clbench_backbones() -> list[BackboneSpec]:
    """CLIP's ViT-B/16 and ViT-B/32, with OpenAI's weights and with random ones."""
    weights = {"openai": "OpenAI's weights", "random": "random weights, for trials"}
    return [
        BackboneSpec(
            name=f"ViT-B-{patch}.{tag}",
            title=f"CLIP ViT-B/{patch}" + (", random" if tag == "random" else ""),
            summary=f"{patch}×{patch} patches of 224 pixels, QuickGELU; {what}",
            factory=f"clbench_mtil.models:vit_b_{patch}{'_random' if tag == 'random' else ''}",
            parameters=parameters,
            image_size=224,
            architecture=f"ViT-B-{patch}-quickgelu",
            sha256=_PUBLISHED[patch] if tag == "openai" else "",
            needs=f"clbench_mtil.needs:of_vit_b_{patch}" if tag == "openai" else None,
        )
        for patch, parameters in ((16, 149_620_737), (32, 151_277_313))
        for tag, what in weights.items()
    ]


@hookimpl
def clbench_commands(app: click.Group) -> None:
    """Add ``clbench doctor mtil`` and ``clbench prepare mtil``."""
    from clbench_mtil.commands import doctor, prepare

    app.add_command(doctor)
    app.add_command(prepare)
