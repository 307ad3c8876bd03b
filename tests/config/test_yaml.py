"""YAML of any shape is read as YAML 1.2's core schema says, or refused in words, in bounded time."""

from __future__ import annotations

import math

import pytest
from clbench.config import as_typed, parse_value, read_file
from clbench.config.yamlvalues import read_yaml
from clbench.errors import ConfigError
from hypothesis import given
from hypothesis import strategies as st

BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 10)}]\n" for i in range(9)
)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("!!float z", "'z' is no float in line 1, column 1"),
        ("!!int 010", "'010' is no int"),
        ("!!int 1_0", "is no int"),
        ("!!bool yes", "is no bool"),
        ("!!null x", "is no null"),
        ("!!timestamp 2026-13-77", "tag !!timestamp is not known"),
        ("!!binary z", "not known"),
        ("!!set {a, b}", "not known"),
        ("!!python/object/apply:os.system [ls]", "not known"),
        ("!own x", "not known"),
        ("!!map [1]", "mapping"),
        ("!!seq {a: 1}", "sequence"),
        ("!!str [1]", "scalar"),
        ("1" * 5000, "is no int"),
        ("&a [*a]", "holds itself"),
        ("a: &a {b: *a}", "holds itself"),
        ("[" * 1000, "levels are nested"),
        ("{a: " * 1000, "levels are nested"),
        ("- " * 1000 + "x", "levels are nested"),
        ("- &a0 x\n" + "".join(f"- &a{i + 1} [*a{i}]\n" for i in range(500)), "levels"),
        (BOMB, "unfolds to more than 100,000 values"),
        ("{a: 1, a: 2}", "there twice"),
        ("{[a]: 1}", "keys are names"),
        ("? {a: 1}\n: 2", "keys are names"),
        ('"\\0"', "NUL"),
        ('"\\ud800"', "half of a surrogate pair"),
        ('{"\\0": 1}', "NUL"),
        ("a: 1\n---\nb: 2", "expected a single document"),
        ("a: [1", "expected"),
        ("*x", "undefined alias"),
        ("\x07", "not allowed"),
        ("<<: 3", "merging"),
        ("x" * 1_000_001, "at most 1,000,000"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(text, part, tmp_path):
    with pytest.raises(ConfigError) as caught:
        parse_value(text)
    assert part in str(caught.value)
    assert len(str(caught.value)) < 500
    file = tmp_path / "c.yaml"
    file.write_text(text)
    (problem,) = read_file(file).problems
    assert str(file) in str(problem).splitlines()[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-11-29", "2026-11-29"),
        ("010", "010"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("=", "="),
        ("!!str 1.50", "1.50"),
        ("!!float 1", 1.0),
        ("!!int 7", 7),
        ("! x", "x"),
        (
            "{010: a, 1e5: b, yes: c, null: d, 1.50: e, ~: f}",
            dict(zip(("010", "1e5", "yes", "null", "1.50", "~"), "abcdef", strict=True)),
        ),
        ("a: &x {k: 1}\nb: {<<: *x, j: 2}", {"a": {"k": 1}, "b": {"k": 1, "j": 2}}),
        ("a: &x {k: 1}\nb: {<<: *x, k: 2}", {"a": {"k": 1}, "b": {"k": 2}}),
        ('"\\ud83d\\ude00"', "😀"),
        ("", None),
    ],
)
def test_core_schema(text, value):
    assert parse_value(text) == value


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_characters="\0")), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(json_values)
def test_what_is_typed_is_read_as_the_same(value):
    read = parse_value(as_typed(value))
    assert read == value
    assert type(read) is type(value)


def test_infinities_and_nan():
    assert parse_value("-.inf") == -math.inf
    assert math.isnan(parse_value(".nan"))
    assert parse_value(as_typed({"a": [math.inf, -math.inf]})) == {"a": [math.inf, -math.inf]}
    assert math.isnan(parse_value(as_typed(math.nan)))


def test_files_with_marks_and_in_other_encodings(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_bytes(b"\xef\xbb\xbfstream: mini\n")
    assert read_yaml(file) == {"stream": "mini"}
    file.write_bytes("stream: mini é".encode("latin-1"))
    with pytest.raises(ConfigError, match="not in UTF-8: byte 13 is 0xe9"):
        read_yaml(file)
    file.write_bytes("stream: mini".encode("utf-16"))
    with pytest.raises(ConfigError, match="not in UTF-8"):
        read_yaml(file)


@pytest.mark.parametrize("name", ["missing.yaml", ".", "a\0b", "x" * 300, "file/below"])
def test_places_that_are_no_file(name, tmp_path):
    (tmp_path / "file").write_text("a: 1")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_yaml(tmp_path / name)


def test_what_has_no_end_is_not_read_to_it():
    from pathlib import Path

    if Path("/dev/zero").exists():
        with pytest.raises(ConfigError, match="too long"):
            read_yaml(Path("/dev/zero"))
