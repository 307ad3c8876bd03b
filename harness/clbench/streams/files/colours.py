"""What the pixels of an image mean: every kind becomes 8-bit RGB or grey before anything is resized.

PIL resizes palettes and bilevel images by nearest neighbour, and multiplies by transparency while it resizes;
a 16-bit value above 255 is white to its conversions. torchvision's ``ImageFolder`` converts first, as is done
here; it does not look at depth.
"""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import PIL.Image

__all__ = ["PLAIN", "ColourError", "identity", "kind_of", "oddity", "plain"]

PLAIN = ("RGB", "L")
"""PIL's modes that are resized as they are: each channel by itself gives what conversion first would."""

_SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N")
_SCALED_BY_PIL = ("PNG", "PPM")  # of mode I, values from 0 to 65535 whatever the file's largest

_PNG = b"\x89PNG\r\n\x1a\n"
_PLAIN_PNG = (b"\x08\x00", b"\x08\x02")  # bits per channel and kind of colour: grey, RGB


class ColourError(ValueError):
    """Pixels without a range that says which value is white."""


def plain(image: PIL.Image.Image) -> PIL.Image.Image:
    """The image in a mode of :data:`PLAIN`; 16 bits are scaled to 8, transparency is dropped.

    Raises:
        ColourError: 32-bit integers or floating-point numbers.
        ValueError: PIL knows no conversion.
    """
    import PIL.Image

    if image.mode in PLAIN:
        return image
    if image.mode in _SIXTEEN_BITS or (image.mode == "I" and image.format in _SCALED_BY_PIL):
        values = np.asarray(image).astype(np.uint32)
        return PIL.Image.fromarray(((values + 128) // 257).astype(np.uint8))
    if image.mode in ("I", "F"):
        kind = "32-bit integers" if image.mode == "I" else "floating-point numbers"
        raise ColourError(
            f"its pixels are {kind}, and nothing in the file says which value is white; "
            "save it with 8 or 16 bits per channel"
        )
    return image.convert("RGB")


def kind_of(source: bytes | Path | str) -> str:
    """PIL's mode of an encoded image or a file, if it is none of :data:`PLAIN`; else nothing.

    Nothing as well for what is no image: decoding says so.
    """
    import PIL.Image

    if isinstance(source, bytes) and source[:8] == _PNG and source[24:26] in _PLAIN_PNG:
        return ""
    try:
        with PIL.Image.open(BytesIO(source) if isinstance(source, bytes) else source) as image:
            return "" if image.mode in PLAIN else str(image.mode)
    except Exception:  # PIL raises whatever damaged bytes lead to
        return ""


def identity(content: bytes, kind: str) -> bytes:
    """What identifies an image: the SHA-256 digest of its bytes, with the kind of its pixels if that counts.

    So an image that becomes RGB before it is resized is not taken for the same one resized as it was stored.
    """
    return hashlib.sha256(b"RGB before resizing, of " + kind.encode() + content).digest() if kind else content


def oddity(image: PIL.Image.Image) -> str:
    """What of an opened image does not reach the model, in words; nothing for most."""
    if image.mode in _SIXTEEN_BITS or image.mode == "I":
        return "16 bits per pixel, scaled to 8"
    transparent = image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
    if transparent and int(np.asarray(image.convert("RGBA"))[..., 3].min()) < 255:
        return "transparent pixels, shown in the colour below their transparency"
    return ""
