"""A figure with its name and its words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from clbench.boards.figures.drawing.files import as_bytes, write
from clbench.boards.figures.drawing.style import caption_of, untitled
from clbench.results.atomic import atomic_write, fitting

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Drawing"]


@dataclass(frozen=True)
class Drawing:
    """A figure, to be drawn when it is asked for.

    Attributes:
        kind: a name of :data:`clbench.boards.figures.KINDS`.
        stem: its file's name without the suffix, unique among the drawings of one call.
        title: a line for people.
        alt: a sentence with the main figures, for those who do not see it.
        make: draws it.
        course: label of the runs, for a figure of one method; else empty.
        subject: the same for all drawings of the runs that may stand in one figure.
    """

    kind: str
    stem: str
    title: str
    alt: str
    make: Callable[[], Figure]
    course: str = ""
    subject: str = ""

    @cached_property
    def figure(self) -> Figure:
        """The figure as matplotlib's; drawn once."""
        return self.make()

    def save(
        self, folder: Path, formats: Iterable[str] = ("png", "svg"), *, titled: bool = True
    ) -> list[Path]:
        """Write ``STEM.FORMAT`` into ``folder`` for each format; return the files.

        Args:
            folder: where they go.
            formats: of :data:`clbench.boards.figures.IMAGE_FORMATS`.
            titled: whether title and notes are in the figure. If not, they are in ``STEM.caption.tex``, the
                text of a LaTeX caption.

        Raises:
            UnknownNameError: no such format.
        """
        stem = fitting(self.stem)
        if titled:
            return [write(self.figure, folder / f"{stem}.{format}") for format in formats]
        with untitled():
            figure = self.make()
        files = [write(figure, folder / f"{stem}.{format}") for format in formats]
        caption = folder / f"{stem}.caption.tex"
        atomic_write(caption, f"{caption_of(figure)}\n".encode())
        return [*files, caption]

    def svg(self) -> str:
        """The figure as SVG, a whole document."""
        return as_bytes(self.figure, "svg", name=self.stem).decode()
