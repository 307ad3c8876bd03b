"""A contact sheet: images in a grid, each with its caption, in one PNG."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import PIL.Image
    import PIL.ImageFont

__all__ = ["contact_sheet"]

_CELL = 112  # side of an image on the sheet, in pixels
_GAP = 8
_FONT_SIZE = 11
_LINES = 2
_LINE_HEIGHT = 13


def contact_sheet(
    images: Iterable[PIL.Image.Image],
    prompts: Sequence[str],
    path: Path,
    columns: int = 8,
    *,
    most: int = 64,
) -> Path:
    """Draw the first ``most`` images in a grid and write it to ``path`` as a PNG.

    Small images are enlarged without smoothing, so that pixels are seen as they are; captions are wrapped
    to two lines and cut with "…".

    Args:
        images: in the order of ``prompts``; no more than ``most`` are read.
        prompts: captions.
        path: file to write; its folder is made.
        columns: images in a row.
        most: images on the sheet.

    Returns:
        ``path``.

    Raises:
        ValueError: there are no images.
    """
    import PIL.Image
    import PIL.ImageDraw
    import PIL.ImageFont

    shown = list(zip(itertools.islice(images, most), prompts, strict=False))
    if not shown:
        raise ValueError("a contact sheet needs at least one image with a prompt")
    font = PIL.ImageFont.load_default(_FONT_SIZE)
    columns = min(columns, len(shown))
    rows = -(-len(shown) // columns)
    pitch_x, pitch_y = _CELL + _GAP, _CELL + _LINES * _LINE_HEIGHT + _GAP
    sheet = PIL.Image.new("RGB", (columns * pitch_x + _GAP, rows * pitch_y + _GAP), "white")
    draw = PIL.ImageDraw.Draw(sheet)
    for index, (image, prompt) in enumerate(shown):
        left, top = _GAP + index % columns * pitch_x, _GAP + index // columns * pitch_y
        tile = _fit(image.convert("RGB"))
        sheet.paste(tile, (left + (_CELL - tile.width) // 2, top + (_CELL - tile.height) // 2))
        for line, text in enumerate(_wrap(prompt, font)):
            draw.text((left, top + _CELL + 1 + line * _LINE_HEIGHT), text, fill="black", font=font)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, "PNG")
    return path


def _fit(image: PIL.Image.Image) -> PIL.Image.Image:
    """Scale an image so that its long side fills a cell."""
    import PIL.Image

    scale = _CELL / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, PIL.Image.Resampling.NEAREST if scale > 1 else PIL.Image.Resampling.BICUBIC)


def _wrap(text: str, font: PIL.ImageFont.ImageFont | PIL.ImageFont.FreeTypeFont) -> list[str]:
    """Break a caption into lines as wide as a cell; what does not fit ends in "…"."""
    lines: list[str] = []
    current = ""
    for word in text.split():
        longer = f"{current} {word}".strip()
        if current and font.getlength(longer) > _CELL:
            lines.append(current)
            current = word
        else:
            current = longer
    lines.append(current)
    if len(lines) > _LINES:
        lines = [*lines[: _LINES - 1], " ".join(lines[_LINES - 1 :])]
    return [_cut(line, font) for line in lines]


def _cut(line: str, font: PIL.ImageFont.ImageFont | PIL.ImageFont.FreeTypeFont) -> str:
    if font.getlength(line) <= _CELL:
        return line
    while line and font.getlength(line + "…") > _CELL:
        line = line[:-1]
    return line.rstrip() + "…"
