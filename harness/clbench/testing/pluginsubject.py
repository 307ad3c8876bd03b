"""A plugin under examination: an installed distribution, or a module with hooks."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cached_property
from importlib import import_module
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from clbench.errors import PluginError
from clbench.plugins.loading import Loaded, installed_entry_points, load_object, load_plugin
from clbench.plugins.reports import PluginReport, normalised
from clbench.specs import MethodSpec

__all__ = ["HEAVY", "PluginSubject"]

# What takes a noticeable part of a second to import.
HEAVY = (
    "torch",
    "torchvision",
    "open_clip",
    "transformers",
    "diffusers",
    "datasets",
    "pandas",
    "pyarrow",
    "matplotlib",
    "scipy",
)

# Runs in a fresh interpreter, because this one has imported everything. Hooks are called, since a hook may
# import what its module does not.
_PROBE = """
import json, sys
path, modules, settings, heavy = json.loads(sys.stdin.read())
sys.path[:] = path
from importlib import import_module
import click
found = {}
for name in modules:
    plugin = import_module(name)
    for hook in dir(plugin):
        if hook == "clbench_commands":
            plugin.clbench_commands(app=click.Group("clbench"))
        elif hook.startswith("clbench_") and hook.endswith("s") and callable(getattr(plugin, hook)):
            list(getattr(plugin, hook)())
found["plugin"] = [name for name in heavy if name in sys.modules]
for name in settings:
    import_module(name)
found["settings"] = [name for name in heavy if name in sys.modules]
print(json.dumps(found))
"""


class PluginSubject:
    """What the laws of plugins look at.

    Args:
        name: an installed distribution (``clbench-zscl``), or a module with hooks (``my_package.plugin``).

    Raises:
        PluginError: there is neither, or the distribution has no entry point of group ``clbench``.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.distribution: Distribution | None = None
        try:
            self.distribution = distribution(name)
        except (PackageNotFoundError, ValueError):
            self._check_module()
            self.modules: tuple[str, ...] = (name,)
            return
        self._points = [
            point
            for point in installed_entry_points()
            if point.dist is not None and normalised(point.dist.name) == normalised(name)
        ]
        self.modules = tuple(point.module for point in self._points)
        if not self._points:
            raise PluginError(
                f"{name} is installed but has no entry point of group 'clbench'",
                fix='add to its pyproject.toml: [project.entry-points.clbench] NAME = "PACKAGE.plugin"',
            )

    def _check_module(self) -> None:
        from importlib.util import find_spec

        try:
            found = find_spec(self.name)
        except (ImportError, ValueError):
            found = None
        if found is None:
            raise PluginError(
                f"{self.name!r} is neither an installed distribution nor a module",
                fix=f"install it: pip install -e PATH-OF-{self.name}",
            )

    @cached_property
    def loaded(self) -> list[Loaded]:
        """Its entry points, or the module, loaded and checked."""
        if self.distribution is not None:
            return [load_plugin(point) for point in self._points]
        blank = PluginReport(
            name=self.name, distribution=self.name, version="", status="disabled", contributions={}
        )
        return [load_object(import_module(self.name), blank)]

    @property
    def methods(self) -> list[MethodSpec]:
        """The methods it gives."""
        return [
            spec
            for one in self.loaded
            for spec in one.specs.get("method", [])
            if isinstance(spec, MethodSpec)
        ]

    @cached_property
    def heavy(self) -> dict[str, list[str]]:
        """Heavy packages imported by a fresh interpreter: after the plugin's hooks, after its settings."""
        settings = sorted({spec.settings.partition(":")[0] for spec in self.methods})
        done = subprocess.run(
            [sys.executable, "-c", _PROBE],
            input=json.dumps([sys.path, self.modules, settings, HEAVY]),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise PluginError(
                f"{self.name} cannot be imported in a fresh interpreter",
                why=done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "it exits",
            )
        found: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
        return found
