"""Say what a person can do about a name that nothing gives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clbench.errors import ClbenchError, PluginError, UnknownNameError, did_you_mean
from clbench.installing import how_to_install, how_to_upgrade
from clbench.plugins.catalogue import CATALOGUE
from clbench.plugins.reports import PluginReport, normalised

__all__ = ["unknown_name"]


def unknown_name(kind: str, name: str, known: Iterable[str], reports: Sequence[PluginReport]) -> ClbenchError:
    """Return the error for ``name``: the plugin that would give it is broken, disabled or not installed."""
    home = CATALOGUE.get(kind, {}).get(name)
    for report in reports:
        is_home = home is not None and normalised(home) == normalised(report.distribution)
        if report.status == "ok" or not (is_home or report.answers_to(name)):
            continue
        what = (
            f"{kind} {name!r} cannot be used: its plugin {report.name!r} ({report.label}) is {report.status}"
        )
        if report.status == "disabled":
            return PluginError(what, fix="leave it out of --disable-plugin and CLBENCH_DISABLE_PLUGINS")
        return PluginError(
            what,
            why=report.error,
            fix=f"mend or upgrade it: {how_to_upgrade(report.distribution)}; details: clbench plugins -v",
        )
    return UnknownNameError(kind, name, known, fix=_fix(kind, name, home, set(known), reports))


def _fix(kind: str, name: str, home: str | None, known: set[str], reports: Sequence[PluginReport]) -> str:
    if home is not None:
        return f"install the package that gives it: {how_to_install(home)}"
    absent = {other: package for other, package in CATALOGUE.get(kind, {}).items() if other not in known}
    near = did_you_mean(name, absent, most=1)
    fix = f"see what is installed: clbench list {kind}s"
    if near:
        fix = f"if you mean {near[0]!r}: {how_to_install(absent[near[0]])}; else {fix}"
    # What official packages give is known; a broken one from elsewhere may give anything.
    official = {package for names in CATALOGUE.values() for package in names.values()}
    broken = [r.label for r in reports if r.status == "broken" and normalised(r.distribution) not in official]
    if broken:
        fix += f" (a broken plugin may be the one that gives it: {', '.join(broken)}; see clbench plugins)"
    return fix
