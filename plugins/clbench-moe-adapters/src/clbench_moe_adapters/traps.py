"""Where MoE-Adapters' paper and its authors' code differ, and the settings that choose between them."""

from __future__ import annotations

from clbench import Trap

__all__ = ["TRAPS"]

_AT = "github:JiazuoYu/MoE-Adapters4CL (commit 4572d97)"

TRAPS = (
    Trap(
        id="batch-choice",
        switch="inference",
        published="batch",
        intended="per_sample",
        published_says="The mean error over a test batch chooses one task for all its images.",
        intended_says="Each image's own error chooses its task.",
        source="paper, distribution-discriminative auto-selector of an input; "
        "mtil/src/models/evaluation.py, zeroshot_eval, github:JiazuoYu/MoE-Adapters4CL (commit 568fbdf)",
    ),
    Trap(
        id="load-balance-thrown-away",
        switch="load_balance",
        published=0.0,
        intended=0.01,
        published_says="The load-balance loss of the experts is computed in every block and thrown away.",
        intended_says="The load-balance loss is part of the loss, with the weight of 0.01 that stands there.",
        source=f"Shazeer et al. 2017, Eqs. 6-10, whose gating this is; mtil/clip/model.py:474-483, {_AT}",
    ),
    Trap(
        id="frozen-counted-again",
        switch="frozen_among",
        published="all",
        intended="free",
        published_says="An expert that is frozen already may be among the two most used, and then fewer are "
        "frozen anew.",
        intended_says="After each task the two most used of the experts that are still free are frozen.",
        source=f"mtil/src/models/finetune.py, the list written to frozen_path, {_AT}",
        off={"frozen_experts": (0,)},
        tasks=3,
    ),
    Trap(
        id="texts-all-routed-alike",
        where="fixed",
        published="start of text",
        intended=None,
        published_says="Routers of the text tower see the start of text, which is the same for every text, "
        "so "
        "that all texts of a task take the same experts at test.",
        intended_says="Routers of the text tower see what tells texts apart, such as the end of text.",
        source=f"mtil/clip/model.py, x_re in the block's forward, {_AT}",
        unmeasurable="there is no switch: routing and its short ways rest on it",
    ),
)
