"""Find, isolate, check, disable and describe plugins: entry points of group ``clbench``. No torch here.

Every entry point is loaded by itself and checked before anything of it is used, so that a plugin that
does not import, misspells a hook or returns nonsense is reported by name while the rest works.
"""

from clbench.plugins.registry import KINDS, Contribution, Kind, Origin, Registry, get_registry
from clbench.plugins.reports import PluginReport

__all__ = ["KINDS", "Contribution", "Kind", "Origin", "PluginReport", "Registry", "get_registry"]
