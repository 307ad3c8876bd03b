"""Everything that plugins contribute, by kind and name."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast

from clbench import events
from clbench.errors import ClbenchError, PluginError
from clbench.installing import how_to_upgrade
from clbench.plugins.loading import Loaded, installed_entry_points, load_file, load_object, load_plugin
from clbench.plugins.reports import PluginReport
from clbench.plugins.unknown import unknown_name
from clbench.specs import (
    BackboneSpec,
    DatasetSpec,
    FormatSpec,
    GeneratorSpec,
    LauncherSpec,
    MethodSpec,
    MetricSpec,
    Spec,
    StreamSpec,
    TrackerSpec,
    load_reference,
)

if TYPE_CHECKING:
    import click

__all__ = ["KINDS", "Contribution", "Kind", "Origin", "Registry", "get_registry"]

log = logging.getLogger("clbench.plugins")

Kind = Literal[
    "method",
    "stream",
    "dataset",
    "backbone",
    "generator",
    "metric",
    "format",
    "launcher",
    "tracker",
    "methods",
    "streams",
    "datasets",
    "backbones",
    "generators",
    "metrics",
    "formats",
    "launchers",
    "trackers",
]
KINDS: tuple[Kind, ...] = (
    "method",
    "stream",
    "dataset",
    "backbone",
    "generator",
    "metric",
    "format",
    "launcher",
    "tracker",
)

S_co = TypeVar("S_co", bound=Spec, covariant=True)

_OBSERVERS: Mapping[type[events.Event], str] = {
    events.RunStarted: "clbench_run_started",
    events.TaskLearned: "clbench_task_learned",
    events.RowRecorded: "clbench_row_recorded",
    events.RunFinished: "clbench_run_finished",
}


@dataclass(frozen=True)
class Contribution(Generic[S_co]):
    """A spec and where it comes from.

    Attributes:
        spec: what the plugin returned.
        plugin: name of the entry point.
        distribution, version: the installed package.
    """

    spec: S_co
    plugin: str
    distribution: str
    version: str


@dataclass(frozen=True)
class Origin:
    """How a registry is loaded, in any process.

    Attributes:
        disabled: entry points or distributions that are left alone.
        files: paths of Python files that are plugins without being packages.
    """

    disabled: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


class Registry:
    """What is installed: one mapping per kind of contribution, and a report on each plugin.

    Attributes:
        methods, streams, datasets, backbones, generators, metrics, formats, launchers, trackers: name →
            :class:`Contribution`, sorted by name.
        reports: one :class:`PluginReport` for each entry point.
        origin: how another process loads the same; ``None`` for a registry that was put together by hand.
    """

    methods: Mapping[str, Contribution[MethodSpec]]
    streams: Mapping[str, Contribution[StreamSpec]]
    datasets: Mapping[str, Contribution[DatasetSpec]]
    backbones: Mapping[str, Contribution[BackboneSpec]]
    generators: Mapping[str, Contribution[GeneratorSpec]]
    metrics: Mapping[str, Contribution[MetricSpec]]
    formats: Mapping[str, Contribution[FormatSpec]]
    launchers: Mapping[str, Contribution[LauncherSpec]]
    trackers: Mapping[str, Contribution[TrackerSpec]]

    def __init__(self, loaded: Sequence[Loaded] = (), *, origin: Origin | None = None) -> None:
        self.origin = origin
        self._loaded = list(loaded)
        self._failures: set[tuple[str, str]] = set()
        self._givers: dict[tuple[str, str], list[Contribution[Any]]] = {}
        for one in loaded:
            report = one.report
            for kind, found in one.specs.items():
                for spec in found:
                    contribution = Contribution(spec, report.name, report.distribution, report.version)
                    self._givers.setdefault((kind, spec.name), []).append(contribution)
        for kind in KINDS:
            names = sorted(n for (k, n), givers in self._givers.items() if k == kind and len(givers) == 1)
            found_here = {name: self._givers[kind, name][0] for name in names}
            setattr(self, f"{kind}s", MappingProxyType(found_here))
        # A name that two packages give is nobody's: choosing one in silence would put the wrong figures
        # under a name that people trust.
        for (kind, name), givers in sorted(self._givers.items()):
            if len(givers) > 1:
                text = f"{kind} {name!r} is given by {_both(givers)}; neither is used"
                for giver in givers:
                    self._mark_broken(giver.distribution, giver.plugin, text)

    @classmethod
    def installed(cls, disabled: Iterable[str] = (), files: Iterable[str] = ()) -> Registry:
        """Load the installed plugins, and files; see :func:`get_registry` for the cached one.

        Raises:
            PluginError: a file is no plugin.
        """
        origin = Origin(tuple(disabled), tuple(files))
        loaded = [load_plugin(point, origin.disabled) for point in installed_entry_points()]
        return cls([*loaded, *(load_file(Path(file)) for file in origin.files)], origin=origin)

    @classmethod
    def of(cls, *plugins: object, distribution: str = "local", version: str = "0") -> Registry:
        """A registry of plugin objects (modules or instances with hooks) that are not installed, for tests.

        Raises:
            PluginError: an object breaks the contract.
        """
        loaded = []
        for index, plugin in enumerate(plugins):
            blank = PluginReport(
                name=getattr(plugin, "__name__", f"{distribution}-{index}"),
                distribution=distribution,
                version=version,
                status="disabled",
                contributions={},
            )
            loaded.append(load_object(plugin, blank))
            if loaded[-1].report.status == "broken":
                raise PluginError(f"plugin {blank.name} is broken", why=loaded[-1].report.error)
        return cls(loaded)

    @property
    def reports(self) -> tuple[PluginReport, ...]:
        return tuple(one.report for one in self._loaded)

    def kind(self, kind: Kind) -> Mapping[str, Contribution[Any]]:
        """The mapping of one kind, named in the singular or the plural.

        Raises:
            ValueError: there is no such kind.
        """
        if kind.removesuffix("s") not in KINDS:
            raise ValueError(f"there is no kind {kind!r}; the kinds are {', '.join(KINDS)}")
        mapping: Mapping[str, Contribution[Any]] = getattr(self, f"{kind.removesuffix('s')}s")
        return mapping

    def find(self, kind: Kind, name: str) -> Contribution[Any]:
        """Return the contribution called ``name``; ``kind`` as for :meth:`kind`.

        Raises:
            PluginError: a broken or disabled plugin would give it, or two plugins do; names them.
            UnknownNameError: nothing gives it; lists near names and the package that would give it.
        """
        known = self.kind(kind)
        if name in known:
            return known[name]
        kind = cast(Kind, kind.removesuffix("s"))
        givers = self._givers.get((kind, name), [])
        if givers:
            raise PluginError(
                f"{kind} {name!r} is given by two plugins",
                why=f"both {_both(givers)} give it, and one name cannot mean two things",
                fix=f"uninstall one of them, or run with --disable-plugin {givers[-1].distribution}",
            )
        raise unknown_name(kind, name, known, self.reports)

    def notify(self, event: events.Event) -> None:
        """Tell observers of an event; what one raises is logged with its plugin's name, no more."""
        hook = _OBSERVERS.get(type(event))
        if hook is None:
            return
        for report, manager in self._managers(hook):
            try:
                getattr(manager.hook, hook)(event=event)
            except Exception as error:
                failure = (report.name, f"{type(error).__name__}: {error}")
                log.warning(
                    "plugin %r (%s): its observer %s failed with %s; the run goes on",
                    report.name,
                    report.label,
                    hook,
                    failure[-1],
                    exc_info=failure not in self._failures,  # once; a service may be away for a whole run
                )
                self._failures.add(failure)

    def tracked(self, names: Sequence[str], out: Path) -> Registry:
        """Return a registry whose observers include these trackers, which are started now.

        Raises:
            PluginError: a tracker cannot be imported or breaks the contract; see :meth:`find` for the rest.
            ConfigError: a tracker lacks something, such as credentials.
        """
        started = []
        for name in names:
            found = self.find("tracker", name)
            blank = PluginReport(
                name=f"track {name}",
                distribution=found.distribution,
                version=found.version,
                status="disabled",
                contributions={},
            )
            try:
                observer = load_reference(found.spec.factory)(out)
            except ClbenchError:
                raise
            except Exception as error:
                raise PluginError(
                    f"tracker {name!r} cannot be started",
                    why=f"{type(error).__name__}: {error}",
                    fix=f"{how_to_upgrade(found.distribution)}, or leave --track {name} out",
                ) from error
            started.append(load_object(observer, blank))
            if started[-1].report.status == "broken":
                raise PluginError(
                    f"tracker {name!r} of {found.distribution} is broken", why=started[-1].report.error
                )
        return Registry([*self._loaded, *started], origin=self.origin)

    def commands(self, taken: Iterable[str] = ()) -> dict[str, click.Command]:
        """Commands that plugins add; one that fails or takes a name in ``taken`` is reported as broken.

        Two plugins may add one and the same group, each with subcommands of its own.
        """
        import click

        found: dict[str, click.Command] = {}
        names = set(taken)
        for report, manager in self._managers("clbench_commands"):
            app = click.Group("clbench")
            try:
                manager.hook.clbench_commands(app=app)
            except Exception as error:
                text = f"its clbench_commands failed: {type(error).__name__}: {error}"
                self._mark_broken(report.distribution, report.name, text)
                log.warning("plugin %r (%s): %s", report.name, report.label, text)
                continue
            for name, command in app.commands.items():
                if found.get(name) is command:
                    continue
                if name in names:
                    text = f"its command {name!r} is left out: there is one of that name"
                    self._mark_broken(report.distribution, report.name, text)
                    log.warning("plugin %r (%s): %s", report.name, report.label, text)
                    continue
                names.add(name)
                found[name] = command
        return found

    def _managers(self, hook: str) -> Iterator[tuple[PluginReport, Any]]:
        for one in list(self._loaded):
            if one.manager is not None and hook in one.report.hooks:
                yield one.report, one.manager

    def _mark_broken(self, distribution: str, plugin: str, text: str) -> None:
        for index, one in enumerate(self._loaded):
            if (one.report.distribution, one.report.name) == (distribution, plugin):
                if text in one.report.error:
                    return
                error = f"{one.report.error}\n{text}".strip()
                self._loaded[index] = replace(one, report=replace(one.report, status="broken", error=error))


def get_registry(disable: Iterable[str] = (), files: Iterable[str | Path] = ()) -> Registry:
    """The installed plugins, loaded once per set of disabled ones.

    Args:
        disable: entry points or distributions to leave alone, besides those in the environment
            variable ``CLBENCH_DISABLE_PLUGINS`` (names with commas between them).
        files: Python files that are plugins without being packages.

    Raises:
        PluginError: a file is no plugin.
    """
    given = os.environ.get("CLBENCH_DISABLE_PLUGINS", "").split(",")
    disabled = frozenset(name.strip() for name in (*disable, *given) if name.strip())
    return _registry(disabled, tuple(str(Path(file).absolute()) for file in files))


@functools.cache
def _registry(disabled: frozenset[str], files: tuple[str, ...]) -> Registry:
    return Registry.installed(sorted(disabled), files)


def _both(givers: Sequence[Contribution[Any]]) -> str:
    return " and ".join(f"{giver.distribution} {giver.version}" for giver in givers)
