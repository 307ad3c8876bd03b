"""Class names and prompts that a model cannot tell apart, found before anything is learned.

CLIP's tokenizer mends encodings, resolves HTML entities, lowers case, and drops all blanks, those around
signs too: "Water-Lily" and "water - lily" are the same tokens. Byte pairs are merged within the words that
are left and can be undone, so texts have the same tokens exactly if they have the same words; no vocabulary
is needed, nor torch. Models with another tokenizer may tell some of these apart.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import cache
from typing import Any

__all__ = ["CONTEXT", "alike", "as_read", "warning"]

CONTEXT = 75
"""Tokens of a text that CLIP reads, beside the one that begins and the one that ends it."""

_MOST_NAMED = 3


def as_read(text: str) -> tuple[str, ...]:
    """The words that CLIP's tokenizer makes tokens of, cut where no text goes on.

    A word is a token or more, so that texts which differ behind the first 75 words are the same to the model.
    """
    return _words(text)[:CONTEXT]


def alike(classes: Sequence[str], templates: Sequence[str]) -> list[tuple[str, ...]]:
    """Groups of two and more of ``classes`` of which all prompts are the same to the model.

    Classes of one name are such a group, too.

    Args:
        classes: names, one a class.
        templates: with ``{}`` where a name goes.
    """
    return list(_groups(classes, lambda name: tuple(as_read(t.replace("{}", name)) for t in templates)))


def warning(classes: Sequence[str], templates: Sequence[str]) -> str:
    """What is to be said of such a task before it is learned; nothing if all classes can be told apart."""
    groups = alike(classes, templates)
    if not groups:
        return ""
    shown = "; ".join(" = ".join(map(repr, group)) for group in groups[:_MOST_NAMED])
    more = f" and {len(groups) - _MOST_NAMED} more" if len(groups) > _MOST_NAMED else ""
    return f"classes that the model sees alike, so that only one of them can be answered: {shown}{more}"


def _groups(classes: Sequence[str], key: Callable[[str], Hashable]) -> Iterator[tuple[str, ...]]:
    found: dict[Hashable, list[str]] = {}
    for name in classes:
        found.setdefault(key(name), []).append(name)
    yield from (tuple(names) for names in found.values() if len(names) > 1)


@cache
def _pattern() -> Any:
    import regex  # type: ignore[import-untyped]

    return regex.compile(
        r"'(?:s|t|re|ve|m|ll|d)|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+", regex.IGNORECASE | regex.VERSION0
    )


@cache
def _words(text: str) -> tuple[str, ...]:
    import ftfy

    mended = html.unescape(html.unescape(ftfy.fix_text(text)))
    return tuple(_pattern().findall(" ".join(mended.split()).lower()))
