"""What this package contributes to clbench: the method ``diki``."""

from __future__ import annotations

from clbench import Assumptions, MethodSpec, NeedsPart, hookimpl

from clbench_diki.traps import TRAPS


@hookimpl
def clbench_methods() -> tuple[MethodSpec, ...]:
    return (
        MethodSpec(
            name="diki",
            title="DIKI",
            summary="frozen CLIP; task prompts in a residual branch, weighed by each task's Gaussian",
            factory="clbench_diki.method:DIKI",
            settings="clbench_diki.settings:DIKISettings",
            parts=(NeedsPart("vision-transformer"), NeedsPart("text-transformer")),
            tuned={
                "mini": {
                    "lr": 20.0,
                    "final_lr": 0.02,
                    "batch_size": 32,
                    "steps": 100,
                    "score_scale": "dimension",
                }
            },
            assumptions=Assumptions(task_identity="inferred"),
            citation=(
                "Tang et al., Mind the Interference: Retaining Pre-trained Knowledge in Parameter Efficient "
                "Continual Learning of Vision-Language Models, ECCV 2024"
            ),
            claims="clbench_diki:claims.toml",
            traps=TRAPS,
        ),
    )
