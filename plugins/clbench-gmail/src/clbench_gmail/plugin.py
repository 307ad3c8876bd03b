"""What this plugin contributes to clbench. Nothing heavy is imported here."""

from __future__ import annotations

from clbench import Assumptions, MethodSpec, NeedsPart, hookimpl

from clbench_gmail.traps import TRAPS

__all__ = ["clbench_methods"]


@hookimpl
def clbench_methods() -> list[MethodSpec]:
    """GMAIL."""
    return [
        MethodSpec(
            name="gmail",
            title="GMAIL",
            summary=(
                "text tower tuned on real images and on generated ones, which an encoder of their own "
                "aligns with the real; tested through the frozen image tower"
            ),
            factory="clbench_gmail.method:GMAIL",
            settings="clbench_gmail.settings:GMAILSettings",
            parts=(NeedsPart("vision-transformer"), NeedsPart("text-transformer")),
            tuned={
                "mini": {
                    "align_iterations": 40,
                    "align_warmup": 4,
                    "align_lr": 3e-3,
                    "align_batch_size": 32,
                    "target": "class",
                    "num_images": 64,
                    "iterations": 40,
                    "warmup": 4,
                    "lr": 3e-3,
                    "batch_size": 32,
                    "rehearsal_batch_size": 32,
                }
            },
            requires=("generator",),
            assumptions=Assumptions(
                generated_images=True,
                external_models=("text-to-image generator",),
            ),
            citation=(
                "Mo, Yun. GMAIL: Generative Modality Alignment for generated Image Learning. ICML 2025. "
                "Its continual use is this plugin's."
            ),
            claims="clbench_gmail:claims.toml",
            traps=TRAPS,
        )
    ]
