"""What this distribution contributes: the method ``moe-adapters``."""

from __future__ import annotations

from clbench import Assumptions, MethodSpec, NeedsPart, hookimpl

from clbench_moe_adapters.traps import TRAPS


@hookimpl
def clbench_methods() -> list[MethodSpec]:
    """Return MoE-Adapters."""
    return [
        MethodSpec(
            name="moe-adapters",
            title="MoE-Adapters",
            summary="frozen CLIP; mixtures of adapters, a router per task, tasks told by autoencoders",
            factory="clbench_moe_adapters.method:MoEAdapters",
            settings="clbench_moe_adapters.settings:MoEAdaptersSettings",
            parts=(
                NeedsPart("vision-transformer"),
                NeedsPart("text-transformer", when={"towers": ("both",)}),
            ),
            requires=("reference",),
            assumptions=Assumptions(
                extra_data=True,
                task_identity="inferred",
                external_models=("AlexNet if features=alexnet",),
            ),
            tuned={
                "mini": {
                    "iterations": 40,
                    "warmup": 4,
                    "batch_size": 32,
                    "lr": 1e-2,
                    "experts": 20,
                    "bottleneck": 16,
                    "features": "tokens",
                    "autoencoder_augment": False,
                    "threshold": "quantile",
                    "autoencoder_iterations": 100,
                    "reference_iterations": 300,
                },
            },
            citation=(
                "Yu, Zhuge, Zhang, Hu, Wang, Lu, He. Boosting Continual Learning of Vision-Language Models "
                "via Mixture-of-Experts Adapters. CVPR 2024."
            ),
            claims="clbench_moe_adapters:claims.toml",
            traps=TRAPS,
        )
    ]
