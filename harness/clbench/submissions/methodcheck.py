"""The settings of a record against the method that it names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from clbench.config.settings import resolve_settings, settings_class
from clbench.errors import ClbenchError
from clbench.plugins import Contribution, Registry
from clbench.results.records import Record
from clbench.submissions.checks import Check, concluded, failed, not_here, unchecked

if TYPE_CHECKING:
    from clbench.specs import MethodSpec

__all__ = ["check_method"]


def check_method(record: Record, registry: Registry) -> Check:
    """The settings are valid and complete, and come from where the record says."""
    name, recorded = "method", record.method
    try:
        method: Contribution[MethodSpec] = registry.find("method", recorded.name)
        known = settings_class(method).model_fields
    except ClbenchError as error:
        return unchecked(name, not_here(f"the settings of {recorded.name}", error))
    here = f"{method.distribution} {method.version}"
    if method.distribution != recorded.distribution:
        line = f"the record's is of {recorded.distribution}, here it is of {method.distribution}"
        return failed(name, f"{recorded.name} is another method here", [line])
    problems = list(_setting_problems(record, method))
    newer = sorted(set(known) - set(recorded.settings))
    if method.version != recorded.version:
        if problems:
            there = f"they are of {recorded.distribution} {recorded.version}, here is {method.version}"
            return unchecked(name, f"the settings of {recorded.name}: {there}, which has others")
        here += f" (the record is of {recorded.version})"
    if newer and not problems:
        lacking = f"the record lacks {', '.join(newer)}, which {here} has"
        return unchecked(name, f"{lacking}: it is of other code of that package; all it has is valid")
    good = f"{len(recorded.settings)} settings are valid and from where the record says, by {here}"
    return concluded(name, good, f"the settings are not those of {recorded.name} in {here}", problems)


def _setting_problems(record: Record, method: Contribution[MethodSpec]) -> Iterator[str]:
    recorded, spec = record.method, method.spec
    of_user = {k: v for k, v in recorded.settings.items() if recorded.settings_sources[k] == "user"}
    usual, sources, wrong = resolve_settings(method, record.stream.name, of_user)
    yield from (" ".join(str(error).split()) for error in wrong)
    if not wrong:
        for key in sorted(recorded.settings):
            if key not in usual:
                yield f"there is no setting {key}"
            elif recorded.settings[key] != usual[key]:
                value, source = recorded.settings[key], recorded.settings_sources[key]
                yield f"{key} = {value!r} is said to be the {source} value, which is {usual[key]!r}"
            elif recorded.settings_sources[key] != sources[key]:
                yield f"{key} is said to be {recorded.settings_sources[key]}, and is {sources[key]}"
    assumptions = spec.assumptions
    for field, said, true in (
        ("protocol", recorded.protocol, spec.protocol),
        ("title", recorded.title, spec.title),
        ("citation", recorded.citation, spec.citation),
        *(
            (f"assumptions.{field}", getattr(recorded.assumptions, field), getattr(assumptions, field))
            for field in type(recorded.assumptions).model_fields
        ),
    ):
        if said != true:
            yield f"{field} is {said!r} in the record and {true!r} in the plugin"
