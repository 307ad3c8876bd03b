"""What this plugin contributes to clbench. Nothing heavy is imported here."""

from __future__ import annotations

from clbench import Assumptions, GeneratorSpec, MethodSpec, hookimpl

from clbench_gift.traps import TRAPS

__all__ = ["clbench_generators", "clbench_methods"]


@hookimpl
def clbench_methods() -> list[MethodSpec]:
    """GIFT."""
    return [
        MethodSpec(
            name="gift",
            title="GIFT",
            summary="distillation and alignment on generated images, with adaptive weight consolidation",
            factory="clbench_gift.method:GIFT",
            settings="clbench_gift.settings:GIFTSettings",
            tuned={
                "mini": {
                    "iterations": 40,
                    "warmup": 4,
                    "batch_size": 32,
                    "lr": 3e-4,
                    "synthetic_batch_size": 32,
                    "num_images": 64,
                }
            },
            requires=("generator", "class_pool"),
            assumptions=Assumptions(
                extra_data=True,
                generated_images=True,
                external_models=("text-to-image generator",),
            ),
            citation=(
                "Wu, Shi, Wang, Ye. Synthetic Data is an Elegant GIFT for Continual Vision-Language Models. "
                "CVPR 2025."
            ),
            claims="clbench_gift:claims.toml",
            traps=TRAPS,
        )
    ]


@hookimpl
def clbench_generators() -> list[GeneratorSpec]:
    """Stable Diffusion, for streams of natural images."""
    return [
        GeneratorSpec(
            name="sd15",
            title="Stable Diffusion v1.5",
            summary="512×512 pixels; its weights, some gigabytes, come from the Hugging Face hub",
            factory="clbench_gift.generators:sd15",
            needs="clbench_gift.needs:of_sd15",
        )
    ]
