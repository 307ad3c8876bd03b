"""The one reader of YAML: of configuration files, of streams' descriptions, and of values on command lines.

It reads YAML 1.2's core schema, as people write it: PyYAML alone reads 1.1, where ``1e-5`` is text, ``no`` is
false, ``010`` is eight and ``2026-11-29`` is a date. Keys are always text as it was typed: they are names.
Whatever cannot be read ends in one kind of error, within bounded time and memory.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from clbench.errors import ConfigError
from clbench.printing import one_line

__all__ = ["parse_value", "read_yaml"]

_MOST_BYTES = 1_000_000
_DEEPEST = 32
_MOST_UNFOLDED = 100_000
_CORE = "tag:yaml.org,2002:"
_TAGS = frozenset(_CORE + name for name in ("null", "bool", "int", "float", "str", "seq", "map"))
_HALVES = re.compile("[\ud800-\udfff]")


def parse_value(text: str) -> Any:
    """Read a value as YAML 1.2 does: numbers (also ``1e-5``), true, false, null, lists, mappings, else text.

    Raises:
        ConfigError: it is no YAML, nested too deeply, unfolds to too much, or has what this schema has not.
    """
    if len(text) > _MOST_BYTES:
        raise ConfigError(f"it has {len(text):,} characters", why=f"at most {_MOST_BYTES:,} are read")
    try:
        return yaml.load(text, _Loader)  # a subclass of SafeLoader
    except yaml.YAMLError as error:
        raise ConfigError("it is not YAML", why=_said(error)) from error


def read_yaml(path: Path) -> Any:
    """Read a file of YAML in UTF-8, with or without a byte-order mark.

    Raises:
        ConfigError: it cannot be read; the first line names the file.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        why = getattr(error, "strerror", None) or str(error)
        raise ConfigError(
            f"{path} cannot be read", why=why, fix="name a file of YAML that exists and is yours to read"
        ) from error
    if len(content) > _MOST_BYTES:
        raise ConfigError(
            f"{path} is too long to be a file of settings",
            why=f"at most {_MOST_BYTES:,} bytes are read",
            fix="name the YAML file, not data",
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path} is not YAML",
            why=f"it is not in UTF-8: byte {error.start:,} is {content[error.start]:#04x}",
            fix="save it again with the encoding UTF-8",
        ) from error
    try:
        return parse_value(text)
    except ConfigError as error:
        raise ConfigError(f"{path} is not YAML", why=error.why, fix="mend that line") from error


def _said(error: yaml.YAMLError) -> str:
    """What PyYAML says, without the pages of input that it may quote."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None)
    if problem is None:
        return one_line(" ".join(str(error).split()), 300)
    at = f" in line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
    return one_line(", ".join(filter(None, (getattr(error, "context", None), f"{problem}{at}"))), 300)


class _Loader(yaml.SafeLoader):
    """Bounded, and with YAML 1.2's core schema."""

    yaml_implicit_resolvers = {  # noqa: RUF012 (PyYAML's own way)
        first: [(tag, pattern) for tag, pattern in resolvers if tag.endswith((":null", ":merge"))]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose as PyYAML does, which calls itself, but only so deep."""
        if self._depth > _DEEPEST:
            raise yaml.composer.ComposerError(
                None,
                None,
                f"more than {_DEEPEST} levels are nested",
                self.peek_event().start_mark,  # type: ignore[no-untyped-call]
            )
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def get_single_node(self) -> yaml.Node | None:
        """The document, once it is known to unfold to a bounded tree."""
        node = super().get_single_node()
        if node is not None:
            _size(node, {})
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """The value of a node; what Python's own types refuse is an error of YAML as well."""
        if node.tag not in _TAGS:
            raise _wrong(f"the tag {one_line(node.tag, 60).replace(_CORE, '!!')} is not known", node)
        if isinstance(node, yaml.ScalarNode) and node.tag != f"{_CORE}str":
            self._check_written(node)
        try:
            value = super().construct_object(node, deep)
        except (ValueError, OverflowError, TypeError, LookupError, ArithmeticError) as error:
            shown = one_line(str(node.value), 40) if isinstance(node, yaml.ScalarNode) else "this"
            raise _wrong(f"{shown!r} is no {node.tag.removeprefix(_CORE)} ({error})", node) from error
        return _whole_text(value, node) if isinstance(value, str) else value

    def _check_written(self, node: yaml.ScalarNode) -> None:
        """Refuse a tag that the value has not the form of; PyYAML reads ``!!int 010`` as eight."""
        kind = self.resolve(yaml.ScalarNode, node.value, (True, False))  # type: ignore[no-untyped-call]
        if kind != node.tag and (node.tag, kind) != (f"{_CORE}float", f"{_CORE}int"):
            raise _wrong(f"{one_line(node.value, 40)!r} is no {node.tag.removeprefix(_CORE)}", node)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Keys are text as typed, and there once; PyYAML takes the last of two without a word."""
        if not isinstance(node, yaml.MappingNode):
            raise _wrong("here a mapping is due", node)
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _wrong("a key is a list or a mapping; keys are names", key)
            if key.value in seen:
                raise _wrong(f"the key {one_line(key.value, 60)!r} is there twice", key)
            seen.add(key.value)
        self.flatten_mapping(node)
        found: dict[Hashable, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _wrong("a key is a list or a mapping; keys are names", key)
            found[_whole_text(key.value, key)] = self.construct_object(value, deep=deep)
        return found


def _wrong(problem: str, node: yaml.Node) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


def _whole_text(text: str, node: yaml.Node) -> str:
    """The text with its surrogate pairs joined, which JSON writes where YAML writes one character."""
    if _HALVES.search(text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    if "\0" in text or _HALVES.search(text):
        raise _wrong("a text has a NUL or half of a surrogate pair, which no name and no file may have", node)
    return text


def _size(node: yaml.Node, known: dict[int, tuple[int, int] | None]) -> tuple[int, int]:
    """How many values a node unfolds to, where aliases stand for copies, and how deep they are nested."""
    if id(node) in known:
        found = known[id(node)]
        if found is None:
            raise _wrong("an anchor holds itself", node)
        return found
    known[id(node)] = None
    size, depth = 1, 1
    inside = node.value if isinstance(node, yaml.CollectionNode) else ()
    for each in inside:
        for part in each if isinstance(each, tuple) else (each,):
            more, below = _size(part, known)
            size, depth = size + more, max(depth, 1 + below)
    if size > _MOST_UNFOLDED:
        raise _wrong(f"it unfolds to more than {_MOST_UNFOLDED:,} values", node)
    if depth > 2 * _DEEPEST:
        raise _wrong(f"its aliases unfold to more than {2 * _DEEPEST} levels", node)
    known[id(node)] = size, depth
    return size, depth


_Loader.add_implicit_resolver(
    f"{_CORE}bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver(f"{_CORE}int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    f"{_CORE}float",
    re.compile(
        r"^[-+]?(?:(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+|\.(?:inf|Inf|INF))$"
        r"|^\.(?:nan|NaN|NAN)$"
    ),
    list("-+0123456789."),
)
