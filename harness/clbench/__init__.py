"""clbench: a benchmark harness for domain-class incremental learning of vision-language models.

What plugin authors import. Names are loaded on first use, so that ``import clbench`` stays instant and
listings never import torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clbench import metrics
    from clbench.errors import ClbenchError, ConfigError, DataError, MethodError, NotFiniteError, PluginError
    from clbench.hookspecs import hookimpl
    from clbench.methods import Batch, Context, FineTuning, Method, Settings
    from clbench.models import Backbone, ImageGenerator
    from clbench.specs import (
        Assumptions,
        BackboneSpec,
        DatasetSpec,
        FormatSpec,
        GeneratorSpec,
        LauncherSpec,
        MethodSpec,
        MetricSpec,
        StreamSpec,
        TaskSummary,
    )
    from clbench.streams import ImageSet, LabelSpace, Preprocessing, Stream, Task, TrainingTask

__version__ = "0.1.0"

_HOMES = {
    "clbench.errors": (
        "ClbenchError",
        "ConfigError",
        "DataError",
        "MethodError",
        "NotFiniteError",
        "PluginError",
    ),
    "clbench.hookspecs": ("hookimpl",),
    "clbench.methods": ("Batch", "Context", "FineTuning", "Method", "Settings"),
    "clbench.models": ("Backbone", "ImageGenerator"),
    "clbench.specs": (
        "Assumptions",
        "BackboneSpec",
        "DatasetSpec",
        "FormatSpec",
        "GeneratorSpec",
        "LauncherSpec",
        "MethodSpec",
        "MetricSpec",
        "StreamSpec",
        "TaskSummary",
    ),
    "clbench.streams": ("ImageSet", "LabelSpace", "Preprocessing", "Stream", "Task", "TrainingTask"),
    "clbench": ("metrics",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Assumptions",
    "Backbone",
    "BackboneSpec",
    "Batch",
    "ClbenchError",
    "ConfigError",
    "Context",
    "DataError",
    "DatasetSpec",
    "FineTuning",
    "FormatSpec",
    "GeneratorSpec",
    "ImageGenerator",
    "ImageSet",
    "LabelSpace",
    "LauncherSpec",
    "Method",
    "MethodError",
    "MethodSpec",
    "MetricSpec",
    "NotFiniteError",
    "PluginError",
    "Preprocessing",
    "Settings",
    "Stream",
    "StreamSpec",
    "Task",
    "TaskSummary",
    "TrainingTask",
    "__version__",
    "hookimpl",
    "metrics",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'clbench' has no attribute {name!r}")
    # ``clbench.metrics`` is a module, everything else an attribute of one.
    value = import_module("clbench.metrics") if name == "metrics" else getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
