"""One entry point → one checked plugin, or a report of what is wrong with it."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import sysconfig
import traceback
from collections.abc import Collection
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pluggy

from clbench import hookspecs
from clbench.errors import ClbenchError, PluginError
from clbench.plugins.checks import CONTRIBUTING, check_hook_names, checked_specs
from clbench.plugins.reports import PluginReport
from clbench.specs import Spec

__all__ = ["Loaded", "installed_entry_points", "load_file", "load_object", "load_plugin"]


@dataclass(frozen=True)
class Loaded:
    """A plugin in a plugin manager of its own, so that its hooks are called and fail by themselves.

    Attributes:
        report: what is printed about it.
        manager: ``None`` unless the plugin is usable.
        specs: what it contributes, by kind.
    """

    report: PluginReport
    manager: pluggy.PluginManager | None
    specs: dict[str, list[Spec]]


def installed_entry_points() -> list[EntryPoint]:
    """All entry points of group ``clbench``, by distribution and name."""
    return sorted(entry_points(group="clbench"), key=lambda point: (_distribution(point), point.name))


def load_plugin(point: EntryPoint, disabled: Collection[str] = ()) -> Loaded:
    """Import and check one entry point; never raises for what the plugin does wrong."""
    blank = PluginReport(
        name=point.name,
        distribution=_distribution(point)[0],
        version=_distribution(point)[1],
        status="disabled",
        contributions={},
    )
    if any(blank.answers_to(name) for name in disabled):
        return Loaded(blank, None, {})
    try:
        plugin = point.load()
    # A module that calls sys.exit() while it is imported must not end the host either.
    except (Exception, SystemExit) as error:
        return _broken(blank, f"its import failed: {_one_line(error)}", error)
    return load_object(plugin, blank)


def load_file(path: Path) -> Loaded:
    """Import and check a Python file that is a plugin without being a package.

    It is imported under its own name, so that its references read ``"FILE:Attribute"``; its version is the
    beginning of its content's digest.

    Raises:
        PluginError: there is no such file, its name is another module's, or it is no plugin.
    """
    name = path.stem
    again = f"mend it, or run without --plugin {path.name}"
    if path.suffix != ".py" or not name.isidentifier() or not path.is_file():
        raise PluginError(
            f"{path} is no plugin",
            why="there is no such file" if not path.exists() else "it is no Python file with a module's name",
            fix="name a file such as mine.py, whose name is letters, digits and underscores",
        )
    known = sys.modules.get(name)
    found = importlib.util.find_spec(name) if known is None else None
    # Python finds the file itself where its folder is searched: `python -m clbench` in it does.
    if found is not None and (found.origin is None or Path(found.origin).resolve() != path.resolve()):
        taken = "another module of that name is installed"
    elif known is not None and getattr(known, "__file__", None) != str(path):
        taken = "another module of that name is in use"
    else:
        taken = ""
    if taken:
        raise PluginError(f"{path} cannot be loaded", why=taken, fix="give the file another name")
    blank = PluginReport(
        name=name,
        distribution=path.name,
        version=hashlib.sha256(path.read_bytes()).hexdigest()[:8],
        status="disabled",
        contributions={},
    )
    try:
        if known is None:
            spec = importlib.util.spec_from_file_location(name, path)
            assert spec is not None
            assert spec.loader is not None
            sys.modules[name] = known = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(known)
        loaded = load_object(known, blank)
    except (Exception, SystemExit) as error:
        sys.modules.pop(name, None)
        raise PluginError(
            f"{path} cannot be loaded", why=f"its import failed: {_one_line(error)}", fix=again
        ) from error
    if loaded.report.status == "broken":
        raise PluginError(f"{path} is a broken plugin", why=loaded.report.error, fix=again)
    if not loaded.report.hooks:
        raise PluginError(
            f"{path} is no plugin", why="it has no function marked with clbench.hookimpl", fix=again
        )
    return loaded


def load_object(plugin: object, blank: PluginReport) -> Loaded:
    """Check an imported plugin; ``blank`` names where it comes from."""
    hooks: tuple[str, ...] = ()
    try:
        hooks = check_hook_names(plugin)
        manager = pluggy.PluginManager("clbench")
        manager.add_hookspecs(hookspecs)
        manager.register(plugin, name=blank.name)
        specs: dict[str, list[Spec]] = {}
        for hook in hooks:
            if hook in CONTRIBUTING:
                kind, _ = CONTRIBUTING[hook]
                try:
                    specs[kind] = checked_specs(manager, hook)
                except ClbenchError:
                    raise
                except (Exception, SystemExit) as error:
                    raise PluginError(f"its {hook} failed: {_one_line(error)}") from error
    except pluggy.PluginValidationError as error:
        # pluggy names the plugin object and the definition on lines of their own; the last one is the cause.
        cause = " ".join(str(error).split("\n")[1:]).strip() or str(error)
        return _broken(blank, f"a hook has the wrong arguments: {cause}", error, hooks)
    except (Exception, SystemExit) as error:
        return _broken(blank, str(error), error, hooks)
    report = PluginReport(
        name=blank.name,
        distribution=blank.distribution,
        version=blank.version,
        status="ok",
        hooks=hooks,
        contributions={kind: tuple(spec.name for spec in found) for kind, found in specs.items()},
    )
    return Loaded(report, manager, specs)


def _broken(blank: PluginReport, error: str, cause: BaseException, hooks: tuple[str, ...] = ()) -> Loaded:
    report = PluginReport(
        name=blank.name,
        distribution=blank.distribution,
        version=blank.version,
        status="broken",
        error=error,
        traceback="".join(traceback.format_exception(cause)),
        hooks=hooks,
        contributions={},
    )
    return Loaded(report, None, {})


def _distribution(point: EntryPoint) -> tuple[str, str]:
    return (point.dist.name, point.dist.version) if point.dist is not None else ("unknown distribution", "")


def _one_line(error: BaseException) -> str:
    """``ModuleNotFoundError: No module named 'x' (plugin.py, line 3)``: the innermost place."""
    text = " ".join(str(error).split())
    places = [
        f" ({frame.filename}, line {frame.lineno})"
        for frame in traceback.extract_tb(error.__traceback__)
        if not _is_ours(frame.filename)
    ]
    return f"{type(error).__name__}{': ' + text if text else ''}{places[-1] if places else ''}"


def _is_ours(filename: str) -> bool:
    """Whether a frame is Python's, pluggy's or this package's own, which is never where the mistake is."""
    path = Path(filename)
    own = (Path(__file__).parent, Path(pluggy.__file__).parent)
    if any(path.is_relative_to(folder) for folder in own) or filename.startswith("<frozen"):
        return True
    return path.is_relative_to(sysconfig.get_path("stdlib")) and "site-packages" not in path.parts
