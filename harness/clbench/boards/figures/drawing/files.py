"""Figures as files: the same figure gives the same bytes every time."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from clbench.boards.figures.drawing.style import styled
from clbench.errors import UnknownNameError
from clbench.printing import fit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["IMAGE_FORMATS", "as_bytes", "settled", "write"]

IMAGE_FORMATS = ("png", "svg", "pdf")

_DPI = 160


def settled(figure: Figure) -> None:
    """Lay the figure out once and for all: axes stay where they are from now on."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    figure.set_layout_engine("none")
    for ax in figure.axes:
        # The solver's last digits depend on where objects lie in memory; files should not.
        left, bottom, width, height = (round(edge, 6) for edge in ax.get_position().bounds)
        ax.set_position((left, bottom, width, height))


@styled
def as_bytes(figure: Figure, format: str, *, name: str) -> bytes:
    """Return the figure as ``png``, ``svg`` or ``pdf``; the same figure and name give the same bytes.

    Raises:
        UnknownNameError: no such format.
    """
    import matplotlib

    if format not in IMAGE_FORMATS:
        raise UnknownNameError("figure format", format, IMAGE_FORMATS)
    matplotlib.rcParams["svg.hashsalt"] = name
    settled(figure)
    stream = io.BytesIO()
    if format == "pdf":
        matplotlib.rcParams["pdf.fonttype"] = 42  # TrueType: papers are refused for Type 3
        figure.savefig(stream, format="pdf", metadata=dict.fromkeys(("CreationDate", "Creator", "Producer")))
        return stream.getvalue()
    if format == "png":
        figure.savefig(stream, format="png", dpi=_DPI, metadata={"Software": None})
        return _with_palette(stream)
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    # savefig would draw twice, for layouts that are not settled.
    FigureCanvasSVG(figure).print_svg(stream, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    # XML holds no control character, and names from records may.
    return str(fit(stream.getvalue().decode())).encode()


def _with_palette(picture: io.BytesIO) -> bytes:
    """The picture in 256 colours, which no eye tells from more: a third of the size."""
    from PIL import Image

    with Image.open(picture) as image:
        few = image.convert("RGB").quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    smaller = io.BytesIO()
    few.save(smaller, format="png", optimize=True, dpi=(_DPI, _DPI))
    return smaller.getvalue()


def write(figure: Figure, path: Path) -> Path:
    """Write the figure at once to ``path``, in the format of its suffix; return ``path``.

    Raises:
        UnknownNameError: the suffix is of no known format.
    """
    from clbench.results.atomic import atomic_write

    content = as_bytes(figure, path.suffix.removeprefix(".").lower(), name=path.stem)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, content)
    return path
