"""For plugin authors and for ourselves: the laws of the contract, small doubles, a pytest plugin.

Names are loaded on first use: pytest imports this package at every start, through its entry point.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clbench.testing.conformance import check_method, check_plugin, method_laws, plugin_laws
    from clbench.testing.doubles import tiny_backbone, tiny_context, tiny_reference, tiny_stream
    from clbench.testing.outcomes import ConformanceError, LawResult

_MODULE_OF = {
    "ConformanceError": "outcomes",
    "LawResult": "outcomes",
    "check_method": "conformance",
    "check_plugin": "conformance",
    "method_laws": "conformance",
    "plugin_laws": "conformance",
    "tiny_backbone": "doubles",
    "tiny_context": "doubles",
    "tiny_reference": "doubles",
    "tiny_stream": "doubles",
}

__all__ = [
    "ConformanceError",
    "LawResult",
    "check_method",
    "check_plugin",
    "method_laws",
    "plugin_laws",
    "tiny_backbone",
    "tiny_context",
    "tiny_reference",
    "tiny_stream",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'clbench.testing' has no attribute {name!r}")
    value = getattr(import_module(f"clbench.testing.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
