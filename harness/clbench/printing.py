"""Text from outside made fit to print: names, messages and notes of records, archives, plugins and files.

Whoever writes such a text to a place calls the function of that place, once, where it is written:

* :func:`one_line` and :func:`in_lines` for terminals and plain text: no control character, escape sequence,
  mark that turns the direction of writing, or half of a pair is left, and no text is without end;
* :func:`for_markdown`, :func:`for_latex` and :func:`for_html` besides for what these languages give a
  meaning; with Jinja, ``Environment(autoescape=True, finalize=fit)`` does it for all of a page;
* :func:`for_csv` for a cell of a spreadsheet, where a text that begins like a formula is computed;
* :func:`as_json` instead of ``json.dumps``: the same value to whoever parses it, and fit to be looked at;
* :func:`whole` for programs (Parquet): the value as it is, but for halves of pairs, which no file can hold.

What is unfit is shown as ``\\u001b``, so that it is seen, and so that JSON stays JSON.
"""

from __future__ import annotations

import html
import json
import re

__all__ = [
    "SENTENCE",
    "as_json",
    "fit",
    "for_csv",
    "for_html",
    "for_latex",
    "for_markdown",
    "in_lines",
    "one_line",
    "whole",
]

NAME = 200
"""Characters of a name that are printed; what is longer was made to be in the way."""
SENTENCE = 4_000
TEXT = 40_000
_SPREADSHEET = 32_000  # a cell holds 32,767

_BREAKS = re.compile("[\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029]+")
# Control characters (Cc), invisible ones (Cf), line separators (Zl, Zp), halves of pairs (Cs). The two
# joiners belong to Persian, to scripts of India and to emoji; between ASCII letters they fake names.
_JOINER = "(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])"
_INVISIBLE = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b\u200e\u200f"
    "\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f"
)
UNFIT = re.compile(f"[{_INVISIBLE}\ud800-\udfff]|{_JOINER}")
"""What no text for people holds, beside tabs and line ends."""
_HALVES = re.compile("[\ud800-\udfff]")


def one_line(text: object, most: int = NAME) -> str:
    """Return ``text`` as part of a line: line ends and tabs become blanks, of the rest see the module."""
    return _spelt_out(_BREAKS.sub(" ", _cut(str(text), most)))


def in_lines(text: object, most: int = TEXT) -> str:
    """Return ``text`` with its line ends, each line of bounded length; for messages and tracebacks."""
    lines = _cut(str(text).replace("\r\n", "\n"), most).split("\n")
    return "\n".join(_spelt_out(_cut(line.replace("\t", "    "), SENTENCE)) for line in lines)


def fit(value: object) -> object:
    """Return a text with its unfit characters spelt out; other values, and markup, as they are."""
    return value if not isinstance(value, str) or hasattr(value, "__html__") else _spelt_out(value)


def for_markdown(text: object, most: int = SENTENCE) -> str:
    """Return ``text`` as words of a Markdown document: no markup, html, comment, border, link or mention.

    It may stand in a line, an item of a list or the cell of a table, not in a code block.
    """
    line = one_line(text, most).strip()
    line = re.sub(r"[\\`*\[\]<>|&~$]", lambda found: _MARKDOWN.get(found[0], f"\\{found[0]}"), line)
    line = re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", line)  # within a word it means nothing
    line = re.sub(r"^([#+=-]|\d+(?=[.)]))", lambda found: _first(found[0]), line)
    # A comment between breaks what would become a link or call somebody.
    return re.sub(r"(?i)(?<=:)(?=//)|(?<=\bwww)(?=\.)|(?<=[@#])(?=\w)", "<!-- -->", line)


def for_latex(text: object, most: int = SENTENCE) -> str:
    """Return ``text`` as words of a LaTeX document."""
    return one_line(text, most).translate(_LATEX)


def for_html(text: object, most: int = SENTENCE) -> str:
    """Return ``text`` as words of a page, or of an attribute between quotes."""
    return html.escape(one_line(text, most))


def for_csv(value: object) -> object:
    """Return a cell of a CSV file: a text that a spreadsheet would compute gets an apostrophe in front.

    Numbers, and texts that are one, stay as they are.
    """
    if not isinstance(value, str):
        return value
    # A tab in front is looked past by spreadsheets; the line has none left.
    text = one_line(value, _SPREADSHEET)
    return f"'{text}" if re.match(r"\s*[=+\-@＝＋－＠]", text) and not _NUMBER.fullmatch(text) else text


def as_json(document: object, *, indent: int | None = 1, sort_keys: bool = False) -> str:
    """Return ``document`` as JSON that a person may look at; parsing it gives the very same values.

    Raises:
        ValueError: a number in it is NaN or infinite.
    """
    text = json.dumps(document, indent=indent, ensure_ascii=False, allow_nan=False, sort_keys=sort_keys)
    return _spelt_out(text)  # outside of its strings JSON has no such characters


def whole(value: object) -> object:
    """Return a value for programs: the same, but for halves of pairs, which UTF-8 cannot say."""
    return _HALVES.sub("\ufffd", value) if isinstance(value, str) else value


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def _spelt_out(text: str) -> str:
    """As JSON spells it: whoever parses what is printed gets the characters back."""
    return UNFIT.sub(lambda found: "\\u007f" if found[0] == "\x7f" else json.dumps(found[0])[1:-1], text)


def _first(sign: str) -> str:
    """A sign that begins a heading or a list where it begins a line."""
    return f"{sign}\\" if sign.isdigit() else f"\\{sign}"


_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
_MARKDOWN = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        '"': "''",
        "±": r"$\pm$",
        "–": "--",
        "—": "---",
        "…": r"\ldots{}",
        "×": r"$\times$",
        "→": r"$\to$",
        "−": r"$-$",
        "≥": r"$\geq$",
        "≤": r"$\leq$",
        "α": r"$\alpha$",
        "β": r"$\beta$",
        "θ": r"$\theta$",
        "∑": r"$\sum$",
        "†": r"\dag{}",
        "‡": r"\ddag{}",
        "·": r"$\cdot$",
    }
)
