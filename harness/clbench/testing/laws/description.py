"""Laws of a method's description: its spec and its settings."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from clbench.errors import ClbenchError
from clbench.methods.contract import Method
from clbench.methods.settings import Settings
from clbench.plugins.checks import check_spec
from clbench.specs import load_reference
from clbench.testing.outcomes import Broken, Law, law
from clbench.testing.subject import MethodSubject

__all__ = ["DESCRIPTION_LAWS", "factory_is_a_method", "settings_have_defaults"]


@law()
def spec_is_valid(subject: MethodSubject) -> None:
    """The spec is filled in: a name that can be typed, a title, a summary, well-formed references."""
    mistakes = list(check_spec(subject.spec))
    if mistakes:
        raise Broken("; ".join(mistakes))


@law(spec_is_valid)
def factory_is_a_method(subject: MethodSubject) -> None:
    """The spec's factory can be imported and is a subclass of clbench.Method."""
    found = _load(subject.spec.factory)
    if not (isinstance(found, type) and issubclass(found, Method)):
        raise Broken(f"{subject.spec.factory} is {found!r}")
    if subject.spec.protocol == "joint" and not callable(getattr(found, "learn_jointly", None)):
        raise Broken("protocol 'joint' needs a method learn_jointly(tasks)")


@law(spec_is_valid)
def settings_are_settings(subject: MethodSubject) -> None:
    """The spec's settings can be imported and are a subclass of clbench.Settings that refuses unknown names
    and cannot be changed."""
    found = _load(subject.spec.settings)
    if not (isinstance(found, type) and issubclass(found, Settings)):
        raise Broken(f"{subject.spec.settings} is {found!r}")
    if found.model_config.get("extra") != "forbid" or not found.model_config.get("frozen"):
        raise Broken(f"{found.__name__} overrides model_config: it must stay frozen and forbid extra names")


@law(settings_are_settings)
def settings_are_described(subject: MethodSubject) -> None:
    """Every setting has a description, which `clbench show method` prints."""
    fields = subject.settings_class.model_fields
    silent = [name for name, field in fields.items() if not (field.description or "").strip()]
    if silent:
        raise Broken(f"no description: {', '.join(silent)}")


@law(settings_are_settings, factory_is_a_method)
def settings_have_defaults(subject: MethodSubject) -> None:
    """All settings have defaults (the paper's), and the method accepts them."""
    required = [name for name, field in subject.settings_class.model_fields.items() if field.is_required()]
    if required:
        raise Broken(f"no default: {', '.join(required)}")
    subject.method_class.check(subject.settings_class())


@law(settings_are_settings, factory_is_a_method)
def tuned_values_are_accepted(subject: MethodSubject) -> None:
    """The values tuned for a stream are valid settings, and the method accepts them."""
    for stream, values in subject.spec.tuned.items():
        try:
            subject.method_class.check(subject.settings_class.model_validate(dict(values)))
        except ValidationError as error:
            mistakes = [
                f"{'.'.join(map(str, found['loc']))} {found['msg']}"
                for found in error.errors(include_url=False)
            ]
            raise Broken(f"tuned for {stream!r}: {'; '.join(mistakes)}") from error
        except ClbenchError as error:
            raise Broken(f"tuned for {stream!r}: {error}") from error


@law(settings_have_defaults, tuned_values_are_accepted)
def settings_survive_json(subject: MethodSubject) -> None:
    """Settings that are written as JSON, as records do, and read again are the same."""
    for values in (subject.values, *subject.spec.tuned.values()):
        settings = subject.settings_class.model_validate(dict(values))
        again = subject.settings_class.model_validate_json(settings.model_dump_json())
        if again != settings:
            raise Broken(f"{settings!r} is read again as {again!r}")


@law(spec_is_valid)
def assumptions_cover_requirements(subject: MethodSubject) -> None:
    """Who requires reference data or a class pool declares extra_data; who requires a generator declares
    generated_images."""
    assumptions, requires = subject.spec.assumptions, subject.spec.requires
    if "generator" in requires and not assumptions.generated_images:
        raise Broken("it requires a generator, but its assumptions do not say generated_images=True")
    extra = [need for need in ("reference", "class_pool") if need in requires]
    if extra and not assumptions.extra_data:
        raise Broken(f"it requires {' and '.join(extra)}, but its assumptions do not say extra_data=True")


def _load(reference: str) -> Any:
    try:
        return load_reference(reference)
    except Exception as error:
        raise Broken(f"{reference} cannot be imported: {type(error).__name__}: {error}") from error


DESCRIPTION_LAWS: tuple[Law[MethodSubject], ...] = (
    spec_is_valid,
    factory_is_a_method,
    settings_are_settings,
    settings_are_described,
    settings_have_defaults,
    tuned_values_are_accepted,
    settings_survive_json,
    assumptions_cover_requirements,
)
