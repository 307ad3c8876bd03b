"""What this distribution contributes: the method ``clip-kd`` and the command ``clbench clip-kd``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench import Assumptions, MethodSpec, NeedsPart, hookimpl

from clbench_clip_kd.traps import TRAPS

if TYPE_CHECKING:
    import click

__all__ = ["clbench_commands", "clbench_methods"]


@hookimpl
def clbench_methods() -> list[MethodSpec]:
    """Return CLIP-KD as a continual method."""
    return [
        MethodSpec(
            name="clip-kd",
            title="CLIP-KD",
            summary="Full fine-tuning, distilled on reference pairs: features, similarities, contrast",
            factory="clbench_clip_kd.method:ClipKD",
            settings="clbench_clip_kd.settings:ClipKDSettings",
            requires=("reference",),
            assumptions=Assumptions(extra_data=True),
            parts=(NeedsPart("vision-transformer", unless={"mfd": (0.0,), "mfd_unmasked": (True,)}),),
            tuned={
                "mini": {
                    "iterations": 40,
                    "warmup": 4,
                    "lr": 3e-4,
                    "batch_size": 32,
                    "reference_batch_size": 32,
                }
            },
            citation=(
                "Yang, An, Huang, Bi, Yu, Yang, Diao, Xu. CLIP-KD: An Empirical Study of CLIP Model "
                "Distillation. CVPR 2024."
            ),
            claims="clbench_clip_kd:claims.toml",
            traps=TRAPS,
        )
    ]


@hookimpl
def clbench_commands(app: click.Group) -> None:
    """Add ``clbench clip-kd``."""
    from clbench_clip_kd.commands import clip_kd

    app.add_command(clip_kd)
