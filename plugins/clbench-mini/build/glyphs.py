"""Draw single characters from fonts as 32x32 masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont


def glyph(path: Path, character: str, size: int = 32, margin: float = 0.12) -> np.ndarray | None:
    """Return a coverage mask (size, size) uint8, the ink filling all but `margin`; None if blank."""
    scale = 4
    font = ImageFont.truetype(str(path), 40 * scale)
    canvas = Image.new("L", (120 * scale, 120 * scale))
    ImageDraw.Draw(canvas).text((30 * scale, 20 * scale), character, fill=255, font=font)
    box = canvas.getbbox()
    if box is None:
        return None
    ink = canvas.crop(box)
    room = size * (1 - 2 * margin)
    factor = room / max(ink.size)
    ink = ink.resize(
        (max(1, round(ink.width * factor)), max(1, round(ink.height * factor))), Image.Resampling.BOX
    )
    mask = Image.new("L", (size, size))
    mask.paste(ink, ((size - ink.width) // 2, (size - ink.height) // 2))
    return np.asarray(mask)
