"""Texts from outside lose what a terminal, Markdown, LaTeX, html or a spreadsheet would act upon."""

from __future__ import annotations

import json
import sys
import unicodedata

import pytest
from clbench.printing import (
    as_json,
    fit,
    for_csv,
    for_html,
    for_latex,
    for_markdown,
    in_lines,
    one_line,
    whole,
)
from hypothesis import given
from hypothesis import strategies as st

ANY = st.text(
    st.characters(exclude_categories=()), max_size=40
)  # control characters, halves of pairs and all
_JOINERS = "\u200c\u200d"


def test_every_invisible_and_control_character_is_spelt_out() -> None:
    for number in range(sys.maxunicode + 1):
        character = chr(number)
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and character not in "\n\t":
            assert character not in str(fit(f"a{character}b")), hex(number)


@given(ANY)
def test_a_line_is_one_line_that_any_file_can_hold(text: str) -> None:
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    line.encode()
    assert all(unicodedata.category(c) not in ("Cc", "Cs", "Zl", "Zp") for c in line)
    assert one_line(line) == line


def test_a_line_shows_what_was_in_it() -> None:
    assert one_line("a\x1b[31mred\x07") == r"a\u001b[31mred\u0007"
    assert one_line("safe\u202etxt.exe") == r"safe\u202etxt.exe"
    assert one_line("half \udc80 of a pair") == r"half \udc80 of a pair"
    assert one_line("zs\u200dcl") == r"zs\u200dcl"
    assert one_line("two\r\nlines\tand a tab\u2028") == "two lines and a tab "


@pytest.mark.parametrize("text", ["Größe", "狗", "نیم\u200cفاصله", "👩\u200d🔬", "क्\u200dष", "± 0.5 → ✓"])
def test_the_writing_of_the_world_passes(text: str) -> None:
    assert one_line(text) == text


def test_nothing_is_without_end() -> None:
    huge = "n" * 5_000_000
    assert len(one_line(huge)) == 200
    assert len(in_lines(huge)) <= 40_000
    assert all(len(make(huge)) <= 4_010 for make in (for_markdown, for_latex, for_html))
    assert one_line("abcdef", 4) == "abc…"


def test_lines_stay_lines() -> None:
    assert in_lines("what\n\twhy\r\nx\x1b[2K\rover") == "what\n    why\nx\\u001b[2K\\rover"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a|b", r"a\|b"),
        ("`rm`", r"\`rm\`"),
        ("<!-- made by: clbench push -->", "&lt;!-- made by: clbench push --&gt;"),
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
        ("[x](http://e.org)", r"\[x\](http:<!-- -->//e.org)"),
        ("www.e.org", "www<!-- -->.e.org"),
        ("@someone", "@<!-- -->someone"),
        ("# head", r"\# head"),
        ("- item", r"\- item"),
        ("1. item", r"1\. item"),
        ("**bold** _it_ clip_kd", r"\*\*bold\*\* \_it\_ clip_kd"),
        ("a\n\nb", "a b"),
        ("ZSCL, 5 %", "ZSCL, 5 %"),
    ],
)
def test_markdown_says_the_text_and_no_more(text: str, written: str) -> None:
    assert for_markdown(text) == written


@given(ANY)
def test_markdown_renders_as_the_text(text: str) -> None:
    markdown = pytest.importorskip("markdown_it")
    tokens = markdown.MarkdownIt("gfm-like", {"linkify": False}).parse(f"x {for_markdown(text)} x")
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    kinds = {child.type for child in tokens[1].children}
    assert kinds <= {"text", "text_special", "entity", "html_inline"}
    assert all(child.content == "<!-- -->" for child in tokens[1].children if child.type == "html_inline")


def test_latex_and_html_have_no_command() -> None:
    assert for_latex("\\input{/etc/passwd} $x$ 5%\n") == (r"\textbackslash{}input\{/etc/passwd\} \$x\$ 5\% ")
    assert for_html("<script>\"'&\x00") == "&lt;script&gt;&quot;&#x27;&amp;\\u0000"


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", " =1", "＝1"])
def test_a_spreadsheet_computes_nothing(text: str) -> None:
    assert str(for_csv(text)).startswith("'")


@pytest.mark.parametrize("value", [-1.5, 3, None, "-1.5", "+2e-3", "zscl", "a=b", "−5.98"])
def test_numbers_and_names_stay_as_they_are_in_csv(value: object) -> None:
    assert for_csv(value) == value


@given(st.recursive(ANY, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY, inner, max_size=3)))
def test_json_is_fit_to_look_at_and_gives_the_very_same_values(document: object) -> None:
    text = as_json(document)
    text.encode()
    assert fit(text) == text
    # A pair of halves that stand together is what JSON calls a character.
    assert json.loads(text) == json.loads(json.dumps(document))


def test_programs_get_the_value_itself() -> None:
    assert whole("=1\x1b\u202e") == "=1\x1b\u202e"
    assert whole("\udc80") == "\ufffd"
    assert whole(1.5) == 1.5
