"""What this distribution contributes: the method ``zscl``."""

from __future__ import annotations

from clbench import Assumptions, MethodSpec, hookimpl

from clbench_zscl.traps import TRAPS


@hookimpl
def clbench_methods() -> list[MethodSpec]:
    """Return ZSCL."""
    return [
        MethodSpec(
            name="zscl",
            title="ZSCL",
            summary="Full fine-tuning, distilled from the initial CLIP on reference data, weights averaged",
            factory="clbench_zscl.method:ZSCL",
            settings="clbench_zscl.settings:ZSCLSettings",
            requires=("reference",),
            optional=("class_pool",),
            assumptions=Assumptions(extra_data=True),
            tuned={
                "mini": {
                    "iterations": 40,
                    "warmup": 4,
                    "lr": 3e-4,
                    "batch_size": 32,
                    "reference_batch_size": 32,
                    "max_reference_texts": 512,
                    "ensemble_interval": 8,
                }
            },
            citation=(
                "Zheng, Ma, Wang, Qin, Yue, You. Preventing Zero-Shot Transfer Degradation in Continual "
                "Learning of Vision-Language Models. ICCV 2023."
            ),
            claims="clbench_zscl:claims.toml",
            traps=TRAPS,
        )
    ]
