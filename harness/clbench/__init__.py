"""clbench: a benchmark harness for domain-class incremental learning of vision-language models.

What plugin authors import. Names are loaded on first use, so that ``import clbench`` stays instant and
listings never import torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench.lazy import lazy_names

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
        Need,
        NeedsPart,
        StreamSpec,
        TaskSummary,
        TrackerSpec,
    )
    from clbench.streams import ImageSet, LabelSpace, Preprocessing, Stream, Task, TrainingTask
    from clbench.traps import Trap

__version__ = "0.1.0"

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
    "Need",
    "NeedsPart",
    "NotFiniteError",
    "PluginError",
    "Preprocessing",
    "Settings",
    "Stream",
    "StreamSpec",
    "Task",
    "TaskSummary",
    "TrackerSpec",
    "TrainingTask",
    "Trap",
    "__version__",
    "hookimpl",
    "metrics",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        ".errors": (
            "ClbenchError",
            "ConfigError",
            "DataError",
            "MethodError",
            "NotFiniteError",
            "PluginError",
        ),
        ".hookspecs": ("hookimpl",),
        ".methods": ("Batch", "Context", "FineTuning", "Method", "Settings"),
        ".models": ("Backbone", "ImageGenerator"),
        ".specs": (
            "Assumptions",
            "BackboneSpec",
            "DatasetSpec",
            "FormatSpec",
            "GeneratorSpec",
            "LauncherSpec",
            "MethodSpec",
            "MetricSpec",
            "Need",
            "NeedsPart",
            "StreamSpec",
            "TaskSummary",
            "TrackerSpec",
        ),
        ".streams": ("ImageSet", "LabelSpace", "Preprocessing", "Stream", "Task", "TrainingTask"),
        ".traps": ("Trap",),
        ".metrics": ("metrics",),
    },
)
