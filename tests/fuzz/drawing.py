"""What is drawn at random: nasty values, and mutations of good ones."""

from __future__ import annotations

import copy
import re
from random import Random
from typing import Any

TEXTS = (
    "",
    " ",
    "-",
    "--",
    ",",
    ",,",
    "=",
    ".",
    "a.b=c",
    ":",
    "ViT-B-16:",
    ":x",
    "~",
    "~nobody/x",
    "%s",
    "{}",
    "{0}",
    "null",
    "true",
    "NaN",
    "inf",
    "-inf",
    "1e999",
    "0",
    "-1",
    "00",
    "1_0",
    "²",
    "٣",
    "9" * 30,
    "9" * 5000,
    "0x10",
    "x" * 300,
    "x" * 5000,
    "é",
    "e\u0301",
    "日本",
    "😀",
    "\u202eabc",
    "\u200b",
    "\ufeff",
    "\x1b[31m",
    "\x1b]0;t\x07",
    "\t",
    "\n",
    "a\nb",
    "\r",
    "\ud800",
    "\udcff",
    "\x7f",
    "\x85",
    "'",
    '"',
    "`ls`",
    "$(ls)",
    ";",
    "|",
    "*",
    "?",
    "[",
    "]",
    "{",
    "[x]",
    "[/]",
    "[bold",
    "<b>",
    "&amp;",
    "\\",
    "\\u0041",
    "con",
    "a/b",
    "../x",
    "/dev/null/x",
    "/proc/nope",
    "x.yaml",
    "=1+1",
    "@x",
    "!!float z",
    "&a *a",
    "*a",
    "---",
    "random-0",
    "random-",
    "random-²",
    "random--1",
    "#",
    "# x",
)

NUMBERS: tuple[Any, ...] = (
    0,
    -0.0,
    1,
    -1,
    0.5,
    100,
    100.0000001,
    101,
    1e308,
    -1e308,
    5e-324,
    2**31,
    2**63,
    2**64,
    -(2**63) - 1,
    10**40,
    float("nan"),
    float("inf"),
    float("-inf"),
    0.1 + 0.2,
)

LITERALS: tuple[Any, ...] = (
    None,
    True,
    False,
    [],
    {},
    [[]],
    [None],
    {"": None},
    {"a": {"b": [1]}},
    [[1.0], [2.0, 3.0]],
)


def value(random: Random) -> Any:
    """Any value that JSON or YAML may hold."""
    pool = random.choice((TEXTS, NUMBERS, LITERALS))
    return copy.deepcopy(random.choice(pool))


def as_argument(text: str) -> str:
    """The text as the system hands it over: no NUL, and of surrogates those alone that stand for a byte."""
    return re.sub("[\ud800-\udc7f\udd00-\udfff]", "\udcff", text.replace("\0", ""))


def word(random: Random, *likely: str) -> str:
    """A word of a command line: often a likely one, perhaps changed, else anything."""
    if likely and random.random() < 0.7:
        chosen = random.choice(likely)
        return chosen if random.random() < 0.8 else changed_text(random, chosen)
    return random.choice(TEXTS).replace("\0", "")


def changed_text(random: Random, text: str) -> str:
    """The text with a few characters put in, left out, doubled, or exchanged."""
    for _ in range(random.randint(1, 4)):
        at = random.randint(0, len(text))
        kind = random.randrange(5)
        if kind == 0:
            text = text[:at] + random.choice(TEXTS)[:40] + text[at:]
        elif kind == 1:
            text = text[:at] + text[at + random.randint(1, 8) :]
        elif kind == 2:
            text = text[:at] + text[at : at + 20] * 2 + text[at + 20 :]
        elif kind == 3:
            text = text[:at]
        else:
            text = (
                text[:at]
                + chr(random.choice((random.randrange(1, 128), random.randrange(128, 0xD800))))
                + text[at + 1 :]
            )
    return text


def changed_bytes(random: Random, content: bytes) -> bytes:
    """The bytes with bits flipped, cut, filled with zeros, or with something put in."""
    kind = random.randrange(6)
    at = random.randrange(len(content)) if content else 0
    if kind == 0:
        return content[:at]
    if kind == 1:
        return content[:at] + random.randbytes(random.randint(1, 50)) + content[at:]
    if kind == 2:
        return content[:at] + bytes(min(100, len(content) - at)) + content[at + 100 :]
    if kind == 3:
        return random.choice(
            (
                b"",
                b"\0",
                b"\xff\xfe",
                b"\xef\xbb\xbf" + content,
                content * 2,
                content.decode("latin-1").encode("utf-16"),
            )
        )
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 10, 200))):
        if changed:
            changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def changed_document(random: Random, document: Any) -> Any:
    """The document with one to three values exchanged, left out, doubled, renamed, or scaled."""
    document = copy.deepcopy(document)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        holders: list[Any] = []
        _gather(document, holders)
        if not holders:
            return value(random)
        holder = random.choice(holders)
        key = random.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        kind = random.randrange(6)
        old = holder[key]
        if kind == 0:
            del holder[key]
        elif kind == 1 and isinstance(holder, dict):
            holder[random.choice(TEXTS)] = holder.pop(key)
        elif kind == 1:
            holder.insert(key, copy.deepcopy(old))
        elif kind == 2 and isinstance(old, (int, float)) and not isinstance(old, bool):
            holder[key] = random.choice((old + 1, old * 2, -old, float(old), str(old), old / 3))
        elif kind == 2 and isinstance(old, str):
            holder[key] = changed_text(random, old)
        elif kind == 3:
            other = random.choice(holders)
            holder[key] = copy.deepcopy(
                other[random.choice(list(other) if isinstance(other, dict) else range(len(other)))]
            )
        else:
            holder[key] = value(random)
    return document


def _gather(document: Any, holders: list[Any]) -> None:
    if isinstance(document, (dict, list)) and document:
        holders.append(document)
        for each in document.values() if isinstance(document, dict) else document:
            _gather(each, holders)
