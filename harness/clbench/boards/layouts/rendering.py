"""Leaderboards as text or bytes: for terminals, Markdown, LaTeX, HTML, CSV, JSON and Parquet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from clbench.boards.formats.cells import Grid
from clbench.boards.formats.latex import grids_as_latex
from clbench.boards.formats.webpage import grids_as_page
from clbench.boards.formats.writing import (
    frame_as_csv,
    frame_as_json,
    frame_as_parquet,
    grids_as_markdown,
    grids_as_text,
)
from clbench.boards.layouts.byname import LAYOUTS
from clbench.boards.layouts.views import Options
from clbench.boards.tables.board import Board
from clbench.errors import ClbenchError, ConfigError, PluginError, UnknownNameError
from clbench.specs import FormatSpec, load_reference

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FORMATS", "Format", "View", "encode", "is_binary", "render", "view_of"]


@dataclass(frozen=True)
class View:
    """What a format writes.

    Attributes:
        grids: tables for people, by whether they are for a paper.
        notes: what belongs under all of them.
        frame: makes the rows for programs.
        flat: why the rows cannot stand in one flat table, if they cannot.
    """

    grids: Callable[[bool], Sequence[Grid]]
    notes: tuple[str, ...]
    frame: Callable[[], pd.DataFrame]
    flat: str = ""


@dataclass(frozen=True)
class Format:
    """A way to write a board.

    Attributes:
        write: makes the text, or the bytes of a file that is no text.
        suffix: file suffix with its dot.
        binary: whether it is no text.
    """

    write: Callable[[View], str | bytes]
    suffix: str
    binary: bool = False


def view_of(board: Board, *, layout: str = "summary", options: Options | None = None) -> View:
    """Return what formats write of ``board``.

    Raises:
        UnknownNameError: no such layout.
    """
    if layout not in LAYOUTS:
        raise UnknownNameError("layout", layout, LAYOUTS)
    chosen, how = LAYOUTS[layout], options or Options()
    return View(
        grids=lambda paper: chosen.grids(board, replace(how, paper=paper)),
        notes=chosen.notes(board),
        frame=lambda: chosen.frame(board, how.columns),
    )


def render(
    board: Board,
    format: str = "text",
    *,
    extra: Iterable[FormatSpec] = (),
    layout: str = "summary",
    options: Options | None = None,
) -> str:
    """Return ``board`` in ``format``, without a line end after the last line.

    ``text, md, latex, html`` are for people: percent, ± half the 95 % interval over seeds, best ranked value
    bold and (LaTeX, HTML) second best underlined, references in italics. ``csv, json`` are for programs: one
    flat row per line of the tables, percent unrounded.

    Args:
        board: what to write.
        format: a name of :data:`FORMATS` or of ``extra``.
        extra: further formats, from plugins; they get the board, and lay it out themselves.
        layout: a name of :data:`clbench.boards.layouts.byname.LAYOUTS`.
        options: columns, decimals and intervals.

    Raises:
        UnknownNameError: no such format, layout or column.
        ConfigError: the format is no text; see :func:`encode`.
    """
    written = _written(board, format, extra, view_of(board, layout=layout, options=options))
    if isinstance(written, bytes):
        raise ConfigError(
            f"{format} is no text", why="it cannot be printed", fix=f"write it to a file: -f {format} -o FILE"
        )
    return written.rstrip("\n")


def encode(
    board: Board,
    format: str = "text",
    *,
    extra: Iterable[FormatSpec] = (),
    view: View | None = None,
) -> bytes:
    """Return the content of a file with ``board`` in ``format``; text ends with a line end.

    Args:
        board: what to write.
        format, extra: as for :func:`render`.
        view: how it is laid out, and what stands beside it.  Default: the summary.

    Raises:
        UnknownNameError: no such format.
        ConfigError: the format needs a package that is missing, or one flat table where there are several.
        PluginError: a plugin's format raised an error, or made bytes where its spec says text.
    """
    written = _written(board, format, extra, view or view_of(board))
    return written if isinstance(written, bytes) else f"{written.rstrip(chr(10))}\n".encode()


def is_binary(format: str, extra: Iterable[FormatSpec] = ()) -> bool:
    """Return whether ``format`` is no text.

    Raises:
        UnknownNameError: no such format.
    """
    plugins = {spec.name: spec for spec in extra}
    if format in FORMATS:
        return FORMATS[format].binary
    if format in plugins:
        return plugins[format].binary
    raise UnknownNameError("format", format, [*FORMATS, *plugins])


def _written(board: Board, format: str, extra: Iterable[FormatSpec], view: View) -> str | bytes:
    plugins = {spec.name: spec for spec in extra}
    if format in FORMATS:
        return FORMATS[format].write(view)
    if format in plugins:
        if view.flat:
            raise ConfigError(f"{format} cannot show this", why=view.flat)
        return _of_plugin(plugins[format], board)
    raise UnknownNameError("format", format, [*FORMATS, *plugins])


def _of_plugin(spec: FormatSpec, board: Board) -> str | bytes:
    try:
        made = load_reference(spec.factory)(board)
    except ClbenchError:
        raise
    except Exception as error:
        raise PluginError(
            f"the format {spec.name!r} failed: {type(error).__name__}: {error}",
            why=f"{spec.factory} raised it; the records are as they were",
            fix="choose another format, or mend or upgrade the package that gives it: clbench list formats",
        ) from error
    if not isinstance(made, bytes if spec.binary else str):
        raise PluginError(
            f"the format {spec.name!r} made {type(made).__name__}",
            why=f"its spec says binary={spec.binary}, which is {'bytes' if spec.binary else 'str'}",
            fix=f"mend {spec.factory}, or its FormatSpec",
        )
    return made


def _frame(view: View) -> pd.DataFrame:
    if view.flat:
        raise ConfigError("csv, json and parquet hold one flat table", why=view.flat, fix="write two files")
    return view.frame()


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "text": Format(lambda v: grids_as_text(v.grids(False), v.notes), ".txt"),
        "md": Format(lambda v: grids_as_markdown(v.grids(False), v.notes), ".md"),
        "csv": Format(lambda v: frame_as_csv(_frame(v)), ".csv"),
        "latex": Format(lambda v: grids_as_latex(v.grids(True), v.notes), ".tex"),
        "html": Format(lambda v: grids_as_page(v.grids(False), v.notes), ".html"),
        "json": Format(lambda v: frame_as_json(_frame(v)), ".json"),
        "parquet": Format(lambda v: frame_as_parquet(_frame(v)), ".parquet", binary=True),
    }
)
"""Formats that clbench writes by itself."""
