"""Which icon sets are used for what, and under which licences: the one place that decides it."""

from __future__ import annotations

import json
from pathlib import Path

ALLOWED_LICENCES = frozenset(
    [
        "MIT",
        "Apache-2.0",
        "CC0-1.0",
        "ISC",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "OFL-1.1",
        "CC-BY-3.0",
        "CC-BY-4.0",
    ]
)

#: Emoji families: train, test and pre-training images of a class come from different designers.
EMOJI_TRAIN = ("noto", "noto-v1", "emojione", "emojione-monotone")
EMOJI_TEST = ("twemoji", "fluent-emoji", "fluent-emoji-flat", "fluent-emoji-high-contrast")
EMOJI_PRETRAIN = ("fxemoji", "streamline-emojis")

#: Sets that render the same designs: flat, with depth, in black. Their drawings of one thing are one drawing.
RENDERINGS = {"fluent-emoji-flat": "fluent-emoji", "fluent-emoji-high-contrast": "fluent-emoji"}

FLAGS_TRAIN = ("flag", "emojione")
FLAGS_TEST = ("circle-flags", "twemoji")
FLAGS_PRETRAIN = ("flagpack", "cif")

#: Left out of pre-training: brands and file types (nothing to name), animations that start blank, task sets.
NOT_PRETRAINED_CATEGORIES = frozenset({"Logos", "Programming"})
NOT_PRETRAINED = frozenset(
    {"line-md", "svg-spinners", "il", "fa-brands", "fa6-brands", "fa7-brands", "geo", "gala"}
) | frozenset(EMOJI_TRAIN + EMOJI_TEST + FLAGS_TRAIN + FLAGS_TEST + FLAGS_PRETRAIN)


def collections(icons: Path) -> dict[str, dict]:
    """Return the collection index of the unpacked icon package."""
    found: dict[str, dict] = json.loads((icons / "collections.json").read_text())
    return found


def allowed(collection: dict) -> bool:
    """Say whether the licence of a collection is one this package accepts."""
    return collection["license"].get("spdx") in ALLOWED_LICENCES


def pretraining_sets(icons: Path) -> list[str]:
    """Return the prefixes of the sets whose icons are pre-training pairs, sorted."""
    return sorted(
        prefix
        for prefix, collection in collections(icons).items()
        if allowed(collection)
        and collection.get("category") not in NOT_PRETRAINED_CATEGORIES
        and prefix not in NOT_PRETRAINED
        and (collection.get("category") != "Emoji" or prefix in EMOJI_PRETRAIN)
    ) + list(FLAGS_PRETRAIN)
