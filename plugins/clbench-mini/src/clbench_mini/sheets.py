"""Contact sheets: many small pictures with their names, on one image."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

CAPTION_HEIGHT = 12
GAP = 4


def contact_sheet(
    images: Sequence[Image.Image], captions: Sequence[str], columns: int = 8, side: int = 64
) -> Image.Image:
    """Return the pictures in rows of `columns`, each enlarged to `side` pixels, its caption below it."""
    rows = -(-len(images) // columns)
    cell_width, cell_height = side + GAP, side + CAPTION_HEIGHT + GAP
    sheet = Image.new("RGB", (columns * cell_width + GAP, rows * cell_height + GAP), (240, 240, 240))
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(9)
    for index, (image, caption) in enumerate(zip(images, captions, strict=True)):
        left, top = GAP + index % columns * cell_width, GAP + index // columns * cell_height
        sheet.paste(image.convert("RGB").resize((side, side), Image.Resampling.NEAREST), (left, top))
        text = caption
        while text and pen.textlength(text, font=font) > side:
            text = text[:-1]
        pen.text((left, top + side + 1), text, fill=(40, 40, 40), font=font)
    return sheet
