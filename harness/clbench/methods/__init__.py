"""The Method contract, its Context, and the training loop that methods share."""

from clbench.methods.batches import Batch, endless_batches
from clbench.methods.context import Context, FeatureCache, Reference
from clbench.methods.contract import Method
from clbench.methods.finetuning import FineTuning
from clbench.methods.fit import Loop, Losses
from clbench.methods.schedules import constant, cosine, warmup_cosine
from clbench.methods.settings import Settings

__all__ = [
    "Batch",
    "Context",
    "FeatureCache",
    "FineTuning",
    "Loop",
    "Losses",
    "Method",
    "Reference",
    "Settings",
    "constant",
    "cosine",
    "endless_batches",
    "warmup_cosine",
]
