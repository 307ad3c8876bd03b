"""Laws of a plugin as a whole: it loads, it gives what it says, and it stays light until it is used."""

from __future__ import annotations

from clbench.config.presets import presets_of
from clbench.config.settings import resolve_settings
from clbench.errors import PluginError
from clbench.plugins import Contribution
from clbench.plugins.checks import CONTRIBUTING
from clbench.results.claims import read_claims
from clbench.specs import MethodSpec, load_reference
from clbench.testing.outcomes import Broken, Law, NotApplicable, law
from clbench.testing.pluginsubject import PluginSubject

__all__ = ["PLUGIN_LAWS"]


@law()
def plugin_loads(subject: PluginSubject) -> None:
    """Every entry point can be imported, its hooks exist, and what they return are valid specs."""
    for one in subject.loaded:
        if one.report.status == "broken":
            raise Broken(f"{one.report.name}: {one.report.error}")


@law()
def requires_clbench(subject: PluginSubject) -> None:
    """The distribution depends on clbench, so that pip installs the two together."""
    if subject.distribution is None:
        raise NotApplicable("it is a module, not an installed distribution")
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    names = {canonicalize_name(Requirement(line).name) for line in subject.distribution.requires or ()}
    if "clbench" not in names:
        raise Broken("its dependencies do not name clbench")


@law(plugin_loads)
def plugin_is_light(subject: PluginSubject) -> None:
    """Importing the plugin and calling its hooks imports neither torch nor anything else that takes long:
    `clbench --help` and `clbench list` do both."""
    if subject.heavy["plugin"]:
        raise Broken(f"its modules or hooks import {', '.join(subject.heavy['plugin'])}")


@law(plugin_is_light)
def settings_are_light(subject: PluginSubject) -> None:
    """The settings of its methods are imported without torch: command lines are checked with them before
    anything heavy is loaded."""
    if not subject.methods:
        raise NotApplicable("it has no methods")
    if subject.heavy["settings"]:
        raise Broken(f"the modules of its settings import {', '.join(subject.heavy['settings'])}")


@law(plugin_loads)
def references_exist(subject: PluginSubject) -> None:
    """Everything that its specs name as `module:attribute` can be imported."""
    missing = []
    for specs in (specs for one in subject.loaded for specs in one.specs.values()):
        for spec in specs:
            references = [getattr(spec, name, None) for name in ("factory", "variables", "needs")]
            if isinstance(spec, MethodSpec):
                references.append(spec.settings)
            for reference in (each for each in references if isinstance(each, str)):
                try:
                    load_reference(reference)
                except Exception as error:
                    missing.append(f"{reference} of {spec.name!r} ({type(error).__name__}: {error})")
    if missing:
        raise Broken("; ".join(missing))


@law(plugin_loads)
def claims_can_be_read(subject: PluginSubject) -> None:
    """The published figures that its methods refer to can be read, and are each of a method that does."""
    referring: dict[str, set[str]] = {}
    for spec in subject.methods:
        if spec.claims is not None:
            referring.setdefault(spec.claims, set()).add(spec.name)
    if not referring:
        raise NotApplicable("its methods claim nothing")
    for reference, methods in referring.items():
        try:
            claimed = {claim.method for claim in read_claims(reference)}
        except PluginError as error:
            raise Broken(f"{error.what}: {error.why}") from error
        if claimed - methods:
            others = ", ".join(sorted(claimed - methods))
            raise Broken(f"{reference} has claims of {others}, to which no method of that name refers")


@law(plugin_loads)
def presets_fit_their_methods(subject: PluginSubject) -> None:
    """What was run for its published figures, its presets, can be set: its methods take all settings."""
    wrong, some = [], False
    for spec in subject.methods:
        try:
            presets = presets_of(spec)
        except PluginError:
            raise NotApplicable("its claims cannot be read") from None
        for preset in presets:
            some = True
            method = Contribution(spec, subject.name, subject.name, "")
            _, _, problems = resolve_settings(method, None, preset.settings)
            wrong += [f"{preset.name}: {' '.join(str(problem).split())}" for problem in problems]
    if not some:
        raise NotApplicable("its methods have no presets")
    if wrong:
        raise Broken("; ".join(wrong))


@law(plugin_loads)
def it_gives_something(subject: PluginSubject) -> None:
    """No contributing hook returns an empty list, which is a hook that was forgotten."""
    for one in subject.loaded:
        empty = [
            hook
            for hook in one.report.hooks
            if hook in CONTRIBUTING and not one.specs.get(CONTRIBUTING[hook][0])
        ]
        if empty:
            raise Broken(f"{', '.join(empty)} of {one.report.name} returned nothing")


PLUGIN_LAWS: tuple[Law[PluginSubject], ...] = (
    plugin_loads,
    requires_clbench,
    plugin_is_light,
    settings_are_light,
    references_exist,
    claims_can_be_read,
    presets_fit_their_methods,
    it_gives_something,
)
