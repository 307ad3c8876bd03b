"""A method's settings: class defaults (the paper's) < tuned for the stream < the user's.

Values for a stream are the spec's ``tuned`` ones; where it has none, those of its usual preset there, which
are what a paper ran.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clbench.config.presets import Preset, usual_preset
from clbench.config.runconfig import SettingSource
from clbench.errors import ClbenchError, ConfigError, PluginError, UnknownNameError
from clbench.installing import how_to_upgrade
from clbench.plugins import Contribution
from clbench.specs import MethodSpec, load_reference
from clbench.streams.varying import base_name

__all__ = ["preset_settings", "resolve_settings", "settings_class"]


def settings_class(method: Contribution[MethodSpec]) -> Any:
    """Import the method's settings class, and nothing heavier.

    Raises:
        PluginError: it cannot be imported or is no :class:`clbench.Settings`.
    """
    from clbench.methods.settings import Settings

    what = f"the settings of method {method.spec.name!r} ({method.distribution} {method.version})"
    fix = f"mend or upgrade the plugin: {how_to_upgrade(method.distribution)}"
    try:
        found = load_reference(method.spec.settings)
    except Exception as error:
        cause = f"{method.spec.settings}: {type(error).__name__}: {error}"
        raise PluginError(f"{what} cannot be loaded", why=cause, fix=fix) from error
    if not (isinstance(found, type) and issubclass(found, Settings)):
        raise PluginError(
            f"{what} are no clbench.Settings", why=f"{method.spec.settings} is {found!r}", fix=fix
        )
    return found


def resolve_settings(
    method: Contribution[MethodSpec], stream: str | None, given: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, SettingSource], list[ClbenchError]]:
    """Return complete settings as JSON values, where each comes from, and the mistakes."""
    from pydantic import ValidationError

    name = method.spec.name
    try:
        model = settings_class(method)
    except PluginError as error:
        return {}, {}, [error]
    known = tuple(model.model_fields)
    fix = f"see all settings: clbench show method {name}"
    try:
        tuned = _for_stream(method.spec, model, stream)
    except PluginError as error:
        return {}, {}, [error]
    problems: list[ClbenchError] = [
        UnknownNameError(f"setting of {name}", key, known, fix=fix) for key in given if key not in known
    ]
    problems += [
        PluginError(
            f"{method.distribution} {method.version} tunes {key!r} for stream {stream!r}",
            why=f"method {name!r} has no setting of that name",
        )
        for key in tuned
        if key not in known
    ]
    wanted = {key: value for key, value in {**tuned, **given}.items() if key in known}
    sources: dict[str, SettingSource] = {
        key: "user" if key in given else "tuned" if key in tuned else "default" for key in known
    }
    try:
        chosen = model.model_validate(wanted)
        settings: dict[str, Any] = chosen.model_dump(mode="json")
        chosen.check(name)
    except ConfigError as error:
        return {}, sources, [*problems, *_each(error)]
    except ValidationError as error:
        seen: set[str] = set()
        for detail in error.errors(include_url=False):
            key = str(detail["loc"][0]) if detail["loc"] else ""
            if key in seen:
                continue  # a field that is a union reports each of its members
            seen.add(key)
            message = detail["msg"].removeprefix("Value error, ")
            if not key:
                problems.append(ConfigError(f"settings of {name}: {message}", fix=fix))
                continue
            origin = {"user": "", "tuned": f" (tuned for {stream})", "default": " (the default)"}
            at = f"{name}.{key} = {wanted.get(key)!r}{origin[sources.get(key, 'user')]}"
            problems.append(ConfigError(f"{at}: {message[:1].lower()}{message[1:]}", fix=fix))
        return {}, sources, problems
    return settings, sources, problems


def _each(error: ConfigError) -> list[ClbenchError]:
    """The mistakes that one error collects, or itself."""
    return [p if isinstance(p, ClbenchError) else ConfigError(p) for p in error.problems] or [error]


def preset_settings(
    method: Contribution[MethodSpec], preset: Preset
) -> tuple[dict[str, Any], dict[str, Any], list[ClbenchError]]:
    """Return a preset's complete settings, those that a plain run there has not, and the mistakes."""
    full, _, problems = resolve_settings(method, None, preset.settings)
    plain, _, more = resolve_settings(method, preset.stream, {})
    given = {name: value for name, value in full.items() if plain.get(name) != value}
    return full, given, [*problems, *more]


def _for_stream(spec: MethodSpec, model: Any, stream: str | None) -> dict[str, Any]:
    """The plugin's values for a stream, as far as they are others than the defaults."""
    if stream is None:
        return {}
    stream = base_name(stream)  # with other prompts it is learned at the same rates
    if stream in spec.tuned:
        return dict(spec.tuned[stream])
    preset = usual_preset(spec, stream)
    if preset is None:
        return {}
    usual = {name: field.get_default(call_default_factory=True) for name, field in model.model_fields.items()}
    return {name: value for name, value in preset.settings.items() if usual.get(name, ...) != value}
