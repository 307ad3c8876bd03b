"""What a person asked for, in a file or on the command line, before names are looked up."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from clbench.config.yamlvalues import parse_value, read_yaml
from clbench.errors import ClbenchError, ConfigError, UnknownNameError
from clbench.printing import as_json, one_line

__all__ = ["Options", "as_typed", "read_file"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Wishes that need not be complete or right; ``None`` means: not said.

    Attributes:
        methods: names, in the order of the runs.
        settings: the user's values, by method and setting.
        out: folder of the records.
        problems: mistakes found while reading; :func:`clbench.config.resolve` raises them with its own.
    """

    methods: tuple[str, ...] | None = None
    stream: str | None = None
    backbone: str | None = None
    order: str | None = None
    generator: str | None = None
    seeds: tuple[int, ...] | None = None
    device: str | None = None
    precision: str | None = None
    label_space: str | None = None
    label_spaces: tuple[str, ...] | None = None
    eval_batch: int | None = None
    checkpoint_steps: int | None = None
    batches: str | None = None
    held_out: tuple[str, ...] | None = None
    launcher: str | None = None
    track: tuple[str, ...] | None = None
    out: Path | None = None
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    problems: tuple[ClbenchError | str, ...] = ()

    @classmethod
    def read(cls, raw: Mapping[str, Any], source: str) -> Options:
        """Read a file's content or a command line's values; mistakes end up in ``problems``.

        Args:
            raw: by key; ``methods`` is a list, a string with commas, or a mapping to settings; ``set`` maps
                methods to settings (or ``method.setting`` to values), or lists ``method.setting=value``.
            source: where it comes from, for messages.
        """
        reader = _Reader(source)
        values = {}
        for key, value in raw.items():
            name = str(key).replace("-", "_")
            if name not in _READERS:
                reader.problems.append(UnknownNameError(f"key in {source}", str(key), _READERS))
            elif value is not None:
                values[name] = _READERS[name](reader, name, value)
        given = {name: value for name, value in values.items() if name != "set" and value is not None}
        return cls(**given, settings=reader.settings, problems=tuple(reader.problems))

    def over(self, other: Options) -> Options:
        """These options where they say something, else ``other``'s.

        Settings of a method that ``other`` names and these leave out go with the method.
        """
        said = {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if each.name not in ("settings", "problems") and getattr(self, each.name) is not None
        }
        left_out = set(other.methods or ()) - set(self.methods) if self.methods else set()
        settings = {name: dict(values) for name, values in other.settings.items() if name not in left_out}
        for name, values in self.settings.items():
            settings.setdefault(name, {}).update(values)
        return replace(other, **said, settings=settings, problems=other.problems + self.problems)


def read_file(path: Path) -> Options:
    """Read a YAML file; what cannot be read is in ``problems``."""
    try:
        raw = read_yaml(path)
    except ConfigError as error:
        return Options(problems=(error,))
    if raw is None:
        raw = {}
    if not isinstance(raw, Mapping):
        problem = ConfigError(
            f"{path} holds {type(raw).__name__}, not a mapping", fix="write lines such as: methods: [zscl]"
        )
        return Options(problems=(problem,))
    return Options.read(raw, str(path))


def as_typed(value: Any) -> str:
    """A value as ``--set`` takes it: ``null``, ``true``, ``0.0003``, ``[1, 2]``, text without quotes.

    The inverse of :func:`clbench.config.parse_value`: text that would be read as something else is quoted.
    """
    if isinstance(value, str):
        return value if _is_plain(value) else as_json(value, indent=None)
    return _flow(value)


def _flow(value: Any) -> str:
    """As JSON, but for the numbers that it has not: in YAML they are ``.nan`` and ``.inf``."""
    if isinstance(value, float):
        return (
            repr(value) if math.isfinite(value) else repr(value).replace("nan", ".nan").replace("inf", ".inf")
        )
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_flow(str(key))}: {_flow(each)}' for key, each in value.items())}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_flow, value))}]"
    if value is None or isinstance(value, (str, bool, int)):
        return as_json(value, indent=None)
    return str(value)


def _is_plain(text: str) -> bool:
    try:
        return bool(parse_value(text) == text)
    except ConfigError:
        return False


class _Reader:
    """Turns raw values into options' types and collects what is wrong."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.problems: list[ClbenchError | str] = []
        self.settings: dict[str, dict[str, Any]] = {}

    def wrong(self, what: str, fix: str = "") -> None:
        self.problems.append(ConfigError(f"{self.source}: {what}", fix=fix))

    def text(self, name: str, value: Any) -> str | None:
        if isinstance(value, (str, int, float)) and not isinstance(value, bool) and str(value).strip():
            return str(value).strip()
        self.wrong(f"{name} is {value!r}, not a name")
        return None

    def path(self, name: str, value: Any) -> Path | None:
        text = self.text(name, value)
        return Path(text) if text else None

    def names(self, name: str, value: Any) -> tuple[str, ...]:
        items = value.split(",") if isinstance(value, str) else value
        if not isinstance(items, (list, tuple)):
            self.wrong(f"{name} is {value!r}, not names", fix=f"write {name}: [first, second]")
            return ()
        found = [self.text(name, item) for item in items if item != ""]
        return tuple(dict.fromkeys(item for item in found if item))

    def methods(self, name: str, value: Any) -> tuple[str, ...]:
        if not isinstance(value, Mapping):
            return self.names(name, value)
        for method, settings in value.items():
            self.method_settings(str(method), settings or {})
        return tuple(str(method) for method in value)

    def whole(self, name: str, value: Any, least: int, most: int = 2**31 - 1) -> int | None:
        try:
            number = int(value) if isinstance(value, str) else value
        except ValueError:
            number = None
        if isinstance(number, int) and not isinstance(number, bool) and least <= number <= most:
            return number
        self.wrong(f"{name} is {one_line(repr(value), 60)}, not a whole number from {least} to {most:,}")
        return None

    def batch(self, name: str, value: Any) -> int | None:
        return self.whole(name, value, 1)

    def seeds(self, name: str, value: Any) -> tuple[int, ...]:
        items: Iterable[Any] = value.split(",") if isinstance(value, str) else value
        if isinstance(items, int):
            items = (items,)
        if not isinstance(items, (list, tuple)):
            self.wrong(f"{name} is {value!r}, not whole numbers", fix="write seeds as in 0,1,2")
            return ()
        numbers = [self.whole(name, item, 0) for item in items if item != ""]
        return tuple(dict.fromkeys(number for number in numbers if number is not None))

    def set(self, name: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for key, setting in value.items():
                method, dot, rest = str(key).partition(".")
                if dot or isinstance(setting, Mapping):
                    self.method_settings(method, {rest: setting} if dot else setting)
                else:
                    self.wrong(
                        f"set has {method!r}, which does not say whose setting it is",
                        fix=f"write METHOD.{method}: {as_typed(setting)}, such as zscl.lr: 1e-5",
                    )
        elif isinstance(value, (list, tuple)):
            for item in value:
                self.assignment(str(item))
        else:
            self.wrong(f"{name} is {value!r}", fix="write set: {zscl: {lr: 1e-5}}")

    def assignment(self, text: str) -> None:
        target, equals, value = text.partition("=")
        method, dot, setting = target.strip().partition(".")
        if not (equals and dot and method and setting):
            self.wrong(
                f"--set {text} is not of the form METHOD.SETTING=VALUE", fix="for example zscl.lr=1e-5"
            )
            return
        try:
            self.method_settings(method, {setting: parse_value(value)})
        except ConfigError as error:
            self.problems.append(ConfigError(f"--set {text}: {error.what}", why=error.why, fix=error.fix))

    def method_settings(self, method: str, settings: Any) -> None:
        if not isinstance(settings, Mapping):
            self.wrong(f"the settings of {method} are {settings!r}", fix=f"write {method}: {{lr: 1e-5}}")
            return
        self.settings.setdefault(method, {}).update({str(key): value for key, value in settings.items()})


_READERS: Mapping[str, Any] = {
    "methods": _Reader.methods,
    "stream": _Reader.text,
    "backbone": _Reader.text,
    "order": _Reader.text,
    "generator": _Reader.text,
    "seeds": _Reader.seeds,
    "device": _Reader.text,
    "precision": _Reader.text,
    "label_space": _Reader.text,
    "label_spaces": _Reader.names,
    "eval_batch": _Reader.batch,
    "checkpoint_steps": _Reader.batch,
    "batches": _Reader.text,
    "held_out": _Reader.names,
    "launcher": _Reader.text,
    "track": _Reader.names,
    "out": _Reader.path,
    "set": _Reader.set,
}
