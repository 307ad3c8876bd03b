"""For plugin authors and for ourselves: the laws of the contract, small doubles, a pytest plugin.

Names are loaded on first use: pytest imports this package at every start, through its entry point.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench.lazy import lazy_names

if TYPE_CHECKING:
    from clbench.testing.conformance import check_method, check_plugin, method_laws, plugin_laws
    from clbench.testing.doubles import tiny_backbone, tiny_context, tiny_reference, tiny_stream
    from clbench.testing.given import learn_given
    from clbench.testing.outcomes import ConformanceError, LawResult

__all__ = [
    "ConformanceError",
    "LawResult",
    "check_method",
    "check_plugin",
    "learn_given",
    "method_laws",
    "plugin_laws",
    "tiny_backbone",
    "tiny_context",
    "tiny_reference",
    "tiny_stream",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        ".conformance": ("check_method", "check_plugin", "method_laws", "plugin_laws"),
        ".doubles": ("tiny_backbone", "tiny_context", "tiny_reference", "tiny_stream"),
        ".given": ("learn_given",),
        ".outcomes": ("ConformanceError", "LawResult"),
    },
)
