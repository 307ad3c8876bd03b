"""The Method contract, its Context, and the training loop that methods share.

Names are loaded on first use: a plugin's settings module imports :mod:`clbench.methods.settings` when a
command line is checked, and that must not import torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench.lazy import lazy_names

if TYPE_CHECKING:
    from clbench.methods.batches import Batch, EndlessBatches
    from clbench.methods.context import Context, FeatureCache, Reference
    from clbench.methods.contract import Method
    from clbench.methods.finetuning import FineTuning
    from clbench.methods.fit import Loop, Losses
    from clbench.methods.resuming import Stateful
    from clbench.methods.schedules import constant, cosine, warmup_cosine
    from clbench.methods.settings import FineTuningSettings, OfficialCompute, Settings

__all__ = [
    "Batch",
    "Context",
    "EndlessBatches",
    "FeatureCache",
    "FineTuning",
    "FineTuningSettings",
    "Loop",
    "Losses",
    "Method",
    "OfficialCompute",
    "Reference",
    "Settings",
    "Stateful",
    "constant",
    "cosine",
    "warmup_cosine",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        ".batches": ("Batch", "EndlessBatches"),
        ".context": ("Context", "FeatureCache", "Reference"),
        ".contract": ("Method",),
        ".finetuning": ("FineTuning",),
        ".fit": ("Loop", "Losses"),
        ".resuming": ("Stateful",),
        ".schedules": ("constant", "cosine", "warmup_cosine"),
        ".settings": ("FineTuningSettings", "OfficialCompute", "Settings"),
    },
)
