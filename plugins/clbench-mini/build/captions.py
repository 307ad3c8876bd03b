"""From icon names to captions: words that name a drawing style rather than a thing are dropped."""

from __future__ import annotations

import re

STYLE_WORDS = frozenset(
    [
        "outline",
        "outlined",
        "filled",
        "fill",
        "bold",
        "duotone",
        "rounded",
        "round",
        "small",
        "line",
        "sharp",
        "thin",
        "light",
        "regular",
        "solid",
        "twotone",
        "linear",
        "broken",
        "baseline",
        "stroke",
        "flat",
        "color",
        "colored",
        "alt",
        "variant",
        "mini",
        "micro",
        "large",
        "big",
        "medium",
        "lined",
        "lineal",
        "glyph",
        "mono",
        "tone",
        "two",
        "sm",
        "lg",
        "md",
        "xs",
        "xl",
        "xxl",
        "outlines",
        "fills",
        "rounded2",
        "o",
        "fw",
        "ios",
        "android",
        "dense",
        "sized",
        "semi",
        "semibold",
        "freehand",
        "pixel",
        "block",
        "sticker",
        "ultra",
        "3x",
        "2x",
        "16px",
        "20px",
        "24px",
        "32px",
        "48px",
        "12px",
        "bulk",
        "curved",
        "broken2",
        "rtl",
        "ltr",
        "v1",
        "v2",
        "v3",
        "demibold",
        "extralight",
        "black1",
        "monotone",
        "grey",
        "thick",
    ]
)
SIZE_NUMBERS = frozenset(["10", "12", "14", "16", "20", "24", "28", "32", "48", "64"])
NUMBER_NOUNS = frozenset(
    [
        "number",
        "numeric",
        "digit",
        "counter",
        "clock",
        "circle",
        "square",
        "box",
        "hexagon",
        "looks",
        "filter",
        "dice",
        "step",
    ]
)


def caption_of(name: str) -> str:
    """Return the words of an icon's name, or an empty string where only style words remain."""
    words = [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word]
    kept = [word for word in words if word not in STYLE_WORDS]
    if (
        kept
        and kept[-1].isdigit()
        and not (len(kept) > 1 and kept[-2] in NUMBER_NOUNS and kept[-1] not in SIZE_NUMBERS)
    ):
        kept = kept[:-1]
    kept = [
        word for index, word in enumerate(kept) if index == 0 or not (word in SIZE_NUMBERS and word.isdigit())
    ]
    return " ".join(kept[:8])
