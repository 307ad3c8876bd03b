"""Laws of traps: their switches are settings, both forms are valid, and it makes a difference which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from pydantic import ValidationError
from torch import Tensor

from clbench.errors import ClbenchError
from clbench.testing.laws.description import settings_have_defaults
from clbench.testing.laws.learning import it_learns
from clbench.testing.outcomes import Broken, Law, NotApplicable, law
from clbench.testing.subject import MethodSubject
from clbench.traps.declaration import Trap
from clbench.traps.forms import form_of

__all__ = ["TRAP_LAWS", "traps_are_settings"]

FORMS: tuple[Literal["published", "intended"], ...] = ("published", "intended")


@law(settings_have_defaults)
def traps_are_settings(subject: MethodSubject) -> None:
    """A declared trap is switched by a setting of the method, or by its name; both its values are valid, with
    the settings under which it is said to show, and none of these switches it off."""
    fields = subject.settings_class.model_fields
    for trap in subject.spec.traps:
        if trap.where == "method" and subject.spec.name not in (trap.published, trap.intended):
            raise Broken(f"trap {trap.id!r} chooses between two methods, of which this is none")
    for trap in _by_setting(subject):
        unknown = [name for name in (trap.switch, *trap.given, *trap.off) if name not in fields]
        if unknown:
            raise Broken(f"trap {trap.id!r} names {unknown[0]!r}, which is no setting")
        for form in FORMS:
            values = {**trap.given, trap.switch: trap.value(form)}
            try:
                settings = subject.settings_class.model_validate(values)
                subject.method_class.check(settings)
            except (ValidationError, ClbenchError) as error:
                reason = " ".join(str(error).split())
                raise Broken(f"trap {trap.id!r}, {form} form: {values} is refused: {reason}") from error
            found, value = form_of(trap, subject.spec.name, settings.model_dump(mode="json"))
            if found == "off":
                raise Broken(f"trap {trap.id!r} is off with the settings under which it is said to show")
            if found != form:
                raise Broken(f"trap {trap.id!r}: its {form} value {trap.value(form)!r} is read as {value!r}")


@law(traps_are_settings, it_learns)
def traps_change_something(subject: MethodSubject) -> None:
    """The two forms of a trap answer differently once they have learned the same tasks; else it says why it
    cannot be measured."""
    checked = 0
    known: dict[str, list[Tensor]] = {}
    for trap in _by_setting(subject):
        if not trap.measurable:
            continue
        forms = [_values(subject, trap, form) for form in FORMS]
        if any(form_of(trap, subject.spec.name, values)[0] == "off" for values in forms):
            continue  # the settings given for this examination leave it out
        answers = []
        for values in forms:
            key = f"{trap.tasks} {sorted(values.items())}"
            if key not in known:
                known[key] = _answers(subject, values, trap.tasks)
            answers.append(known[key])
        if all(torch.equal(one, other) for one, other in zip(*answers, strict=True)):
            raise Broken(f"trap {trap.id!r}: both forms give the same answers, bit for bit")
        checked += 1
    if not checked:
        raise NotApplicable("it has no trap that can be measured with these settings")


def _by_setting(subject: MethodSubject) -> list[Trap]:
    return [trap for trap in subject.spec.traps if trap.where == "setting"]


def _values(subject: MethodSubject, trap: Trap, form: Literal["published", "intended"]) -> Mapping[str, Any]:
    """All settings, as JSON values: those of the examination over those under which the trap shows."""
    values = {**trap.given, **subject.values, trap.switch: trap.value(form)}
    settings: dict[str, Any] = subject.settings_class.model_validate(values).model_dump(mode="json")
    return settings


def _answers(subject: MethodSubject, values: Mapping[str, Any], tasks: int) -> list[Tensor]:
    """Scores of all images after the tasks have been learned with these settings."""
    given = subject.stream if len(subject.stream.tasks) >= tasks else None
    way = MethodSubject(subject.spec, values, stream=given, backbone=subject.backbone, tasks=tasks)
    return way.travel().scores


TRAP_LAWS: tuple[Law[MethodSubject], ...] = (traps_are_settings, traps_change_something)
