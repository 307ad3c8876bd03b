"""The Method contract, its Context, and the training loop that methods share.

Names are loaded on first use: a plugin's settings module imports :mod:`clbench.methods.settings` when a
command line is checked, and that must not import torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clbench.methods.batches import Batch, endless_batches
    from clbench.methods.context import Context, FeatureCache, Reference
    from clbench.methods.contract import Method
    from clbench.methods.finetuning import FineTuning
    from clbench.methods.fit import Loop, Losses
    from clbench.methods.schedules import constant, cosine, warmup_cosine
    from clbench.methods.settings import Settings

_MODULE_OF = {
    "Batch": "batches",
    "Context": "context",
    "FeatureCache": "context",
    "FineTuning": "finetuning",
    "Loop": "fit",
    "Losses": "fit",
    "Method": "contract",
    "Reference": "context",
    "Settings": "settings",
    "constant": "schedules",
    "cosine": "schedules",
    "endless_batches": "batches",
    "warmup_cosine": "schedules",
}

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


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'clbench.methods' has no attribute {name!r}")
    value = getattr(import_module(f"clbench.methods.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
