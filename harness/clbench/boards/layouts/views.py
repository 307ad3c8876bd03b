"""What layouts have in common: their options, captions, labels, footnotes, and where references stand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from clbench.boards.formats.cells import Cell
from clbench.boards.formats.wording import slug
from clbench.boards.tables.board import Board
from clbench.boards.tables.groups import Group
from clbench.boards.tables.intervals import PLUS_MINUS
from clbench.boards.tables.rows import Row
from clbench.boards.tables.table import Table, resemblances

__all__ = ["Footnotes", "Options", "captioned", "label_of", "merged", "set_apart", "split_references"]


_OF_TABLE = (PLUS_MINUS, "deterministic, ", "ranks of", "no ranks:")
"""How notes begin that are of a whole table, and not of a method that they name."""


@dataclass(frozen=True)
class Options:
    """How tables for people look.

    Attributes:
        columns: names of what is shown; ``None``: what the layout shows by itself.
        decimals: of the figures; ``None``: the layout's.
        spread: whether figures have ± half their 95 % interval; ``None``: as the layout has it.
        paper: as papers print tables: references above the others, in columns what differs, in notes
            what the methods use.
    """

    columns: tuple[str, ...] | None = None
    decimals: int | None = None
    spread: bool | None = None
    paper: bool = False


@dataclass
class Footnotes:
    """Notes that cells refer to by letters; equal texts share a letter."""

    texts: list[str] = field(default_factory=list)

    def marked(self, cell: Cell, texts: Iterable[str]) -> Cell:
        """Return ``cell`` with a letter for each of ``texts``."""
        letters = []
        for text in filter(None, texts):
            if text not in self.texts:
                self.texts.append(text)
            letters.append(_letter(self.texts.index(text)))
        return replace(cell, marks=tuple(letters)) if letters else cell

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes in one line, each behind its letter."""
        if not self.texts:
            return ()
        parts = [f"({_letter(n)}) {text}" for n, text in enumerate(self.texts)]
        return (", ".join(parts),)


def _letter(number: int) -> str:
    return chr(ord("a") + number) if number < 26 else _letter(number // 26 - 1) + _letter(number % 26)


def captioned(board: Board, number: int, table: Table, options: Options) -> str:
    """Return the caption of a table: its number where there are several, and what its rows share.

    Papers number their tables themselves.
    """
    prefix = f"Table {number}: " if len(board.tables) > 1 and not options.paper else ""
    return prefix + table.group.titled(board.group_by)


def set_apart(board: Board, number: int, options: Options) -> tuple[str, ...]:
    """Return for a paper why a table stands by itself; elsewhere that is said once, below all of them."""
    if not options.paper or number < 2:
        return ()
    k, names = resemblances(board.tables)[number - 2]
    other = board.tables[k].group.titled(board.group_by)
    return (f"Not comparable with the table of {other}: different {', '.join(names)}",)


def merged(notes: Iterable[str], *, ranks: bool = False, spread: bool = True) -> tuple[str, ...]:
    """Return ``NAME: TEXT`` notes with equal texts as one: ``NAME, NAME: TEXT``.

    ``ranks`` and ``spread`` are whether ranks and intervals are shown; else the notes on them are left out.
    """
    found: dict[str, list[str]] = {}
    whole = []
    for note in notes:
        if note.startswith(_OF_TABLE):
            wanted = ranks if note.startswith(("ranks of", "no ranks:")) else spread
            whole += [note] if wanted else []
            continue
        name, colon, text = note.partition(": ")
        found.setdefault(text if colon else note, []).extend([name] if colon else [])
    named = (f"{', '.join(names)}: {text}" if names else text for text, names in found.items())
    return (*sorted(whole, key=lambda note: not note.startswith(PLUS_MINUS)), *named)


def label_of(group: Group, kind: str) -> str:
    """Return a name for references to a table, such as ``tab:mini-I-mini-clip-summary``."""
    parts = [group.stream, group.order, str(group.shots or ""), group.backbone, group.label_space, kind]
    if group.label_space == "task":
        parts.remove("task")
    return "tab:" + "-".join(slug(part) for part in parts if part)


def split_references(rows: Sequence[Row]) -> tuple[tuple[Row, ...], tuple[tuple[int, str], ...]]:
    """Return the rows with the references first, and where each of the two blocks begins."""
    first = [row for row in rows if row.kind == "reference"]
    rest = [row for row in rows if row.kind != "reference"]
    sections = ((0, ""), (len(first), "")) if first and rest else ()
    return (*first, *rest), sections
