"""Assemble the pre-training pairs: images uint8 (N, 32, 32, 4), caption, source and repetition of each.

Rare kinds (glyphs, flags, emoji) are repeated, so that a model that sees each icon a few times still has
some zero-shot skill on the tasks' domains; `concepts.csv` writes down what was seen and how often.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import string
from collections import Counter
from pathlib import Path

import numpy as np
from captions import caption_of
from fonts import DIGIT_WORDS, GREEK_LETTERS, GREEK_PRETRAIN, HANDWRITING, PRINT, font_path
from glyphs import glyph
from places import Places
from sources import EMOJI_PRETRAIN, FLAGS_PRETRAIN

REPEAT = {"glyph:digit": 4, "glyph:letter": 1, "glyph:greek": 6, "flag": 6, "emoji": 3, "icon": 1}


def split_words(compound: str, frequency: Counter[str]) -> str:
    """Split a name written without spaces ("curryandrice") into the most frequent known words (Viterbi)."""
    total = sum(frequency.values())
    best: list[tuple[float, int]] = [(0.0, 0)]
    for end in range(1, len(compound) + 1):
        options = []
        for start in range(max(0, end - 14), end):
            word = compound[start:end]
            score = math.log((frequency[word] + 1e-3) / total) - (0 if frequency[word] else 4.0 * len(word))
            options.append((best[start][0] + score, start))
        best.append(max(options))
    words: list[str] = []
    end = len(compound)
    while end:
        start = best[end][1]
        words.append(compound[start:end])
        end = start
    return " ".join(reversed(words))


def icon_pairs(
    folder: Path, countries: dict[str, str]
) -> tuple[list[np.ndarray], list[tuple[str, str, int]]]:
    """Return RGBA blocks and, row by row, (caption, source, repetition)."""
    blocks: list[np.ndarray] = []
    rows: list[tuple[str, str, int]] = []
    loaded = {path.stem: np.load(path) for path in sorted(folder.glob("*.npz")) if ".part" not in path.name}
    frequency: Counter[str] = Counter()
    for prefix, data in loaded.items():
        if prefix not in EMOJI_PRETRAIN + FLAGS_PRETRAIN:
            frequency.update(
                word for name in data["name"] for word in caption_of(str(name)).split() if len(word) > 1
            )
    for word in list(frequency):
        if frequency[word] < 5:
            del frequency[word]
    for prefix, data in loaded.items():
        names = [str(name) for name in data["name"]]
        if prefix in FLAGS_PRETRAIN:
            captions = [f"flag of {countries[name]}" if name in countries else "" for name in names]
            kind = "flag"
        elif prefix in EMOJI_PRETRAIN:
            captions = [
                split_words(name, frequency) if prefix == "fxemoji" else caption_of(name) for name in names
            ]
            kind = "emoji"
        else:
            captions = [caption_of(name) for name in names]
            kind = "icon"
        keep = np.array([bool(caption) for caption in captions])
        blocks.append(data["rgba"][keep])
        rows += [(caption, prefix, REPEAT[kind]) for caption in captions if caption]
    return blocks, rows


def glyph_pairs(packages: Path) -> tuple[list[np.ndarray], list[tuple[str, str, int]]]:
    """Return letters, digits and Greek letters of the pre-training fonts, black on transparent."""
    wanted: list[tuple[str, str, str, str, int]] = []  # family, subset, character, caption, repetition
    for family in HANDWRITING + PRINT:
        for index, word in enumerate(DIGIT_WORDS):
            repeat = REPEAT["glyph:digit"] * (2 if family in HANDWRITING else 1)
            wanted.append((family, "latin", str(index), f"digit {word}", repeat))
            wanted.append((family, "latin", str(index), f"number {index}", 1))
        for letter in string.ascii_lowercase:
            wanted.append((family, "latin", letter, f"letter {letter}", REPEAT["glyph:letter"]))
            wanted.append(
                (family, "latin", letter.upper(), f"capital letter {letter}", REPEAT["glyph:letter"])
            )
    for family in GREEK_PRETRAIN:
        for name, character in GREEK_LETTERS.items():
            wanted.append((family, "greek", character, f"greek letter {name}", REPEAT["glyph:greek"]))
    blocks, rows = [], []
    for family, subset, character, caption, repeat in wanted:
        path = font_path(packages, family, subset)
        mask = glyph(path, character) if path.exists() else None
        if mask is None:
            continue
        rgba = np.zeros((1, 32, 32, 4), np.uint8)
        rgba[0, ..., 3] = mask
        blocks.append(rgba)
        rows.append((caption, f"font:{family}", repeat))
    return blocks, rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    work: Path = parser.parse_args().work
    countries = json.loads(Places(work).countries.read_text())
    blocks, rows = icon_pairs(work / "icons", countries)
    more_blocks, more_rows = glyph_pairs(Places(work).fonts)
    rows += more_rows
    images = np.concatenate(blocks + more_blocks)
    assert len(images) == len(rows)
    np.save(work / "pairs_rgba.npy", images)
    (work / "pairs.json").write_text(json.dumps(rows))
    counts = Counter(caption for caption, _, _ in rows)
    with (work / "concepts.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["caption", "images"])
        writer.writerows(counts.most_common())
    by_source = Counter(source for _, source, _ in rows)
    print(f"{len(rows):,} pairs, {len(counts):,} captions, {len(by_source)} sources")


if __name__ == "__main__":
    main()
