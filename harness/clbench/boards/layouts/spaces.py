"""Label spaces side by side, and what more classes to choose from cost.

The drop of a method is of the same runs on the same images: it is paired, and so is its interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from clbench.boards.formats.cells import Cell, Grid, number, with_marks
from clbench.boards.formats.wording import signed
from clbench.boards.layouts.views import Footnotes, Options, label_of, merged
from clbench.boards.tables.board import Board
from clbench.boards.tables.figures import weights_of
from clbench.boards.tables.frames import typed
from clbench.boards.tables.groups import Group
from clbench.boards.tables.rows import Column, Row, leading
from clbench.boards.tables.table import Table, differences
from clbench.boards.tables.variants import recipe_of
from clbench.errors import ConfigError, RecordError
from clbench.results.fingerprint import FingerprintFields
from clbench.results.records import Record
from clbench.results.statistics.intervals import Interval
from clbench.results.statistics.paired import paired_difference
from clbench.results.statistics.pairs import pair_up

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["across_spaces", "across_spaces_frame", "across_spaces_notes"]

_NARROW_FIRST = ("task", "seen", "union")


@dataclass(frozen=True)
class _Line:
    """A method in several label spaces: its rows where it was finished, and a record of the table."""

    name: str
    rows: Mapping[str, Row]
    sample: Record

    @property
    def first(self) -> Row:
        return next(iter(self.rows.values()))

    def drop(self, column: Column, narrow: str, wide: str) -> Interval | None:
        """What the wider space has less of, paired by run and image."""
        if narrow not in self.rows or wide not in self.rows:
            return None
        one, other = self.rows[wide], self.rows[narrow]
        weights = weights_of(column, self.sample)
        if weights is None or not one.trials or not other.trials:
            return None
        try:
            found = paired_difference([pair_up(one.trials, other.trials)], [weights])
        except RecordError:
            return None
        half = None if found.bounds is None else (found.bounds[1] - found.bounds[0]) / 2
        return Interval(found.difference, half, found.pairs, found.covers)


def across_spaces(board: Board, options: Options) -> list[Grid]:
    """Return one table for each protocol with all its label spaces, and the drop from the narrowest.

    Raises:
        ConfigError: columns were chosen, which are the label spaces here.
    """
    if options.columns is not None:
        raise ConfigError(
            "the layout label-spaces has a column for each label space and metric",
            fix="choose them: --label-spaces task,union --metrics average,last",
        )
    bundles = _bundles(board)
    return [
        _grid(board, tables, options, n if len(bundles) > 1 else 0) for n, tables in enumerate(bundles, 1)
    ]


def across_spaces_notes(board: Board) -> tuple[str, ...]:
    """Return the notes of ``board``; of what keeps tables apart only that which keeps these tables apart."""
    apart = differences(board.tables)
    heads = [tables[0] for tables in _bundles(board)]
    return (*(note for note in board.notes if note not in apart), *differences(heads))


def _bundles(board: Board) -> list[list[Table]]:
    """Tables that differ in their label space alone, the narrowest first."""
    found: dict[tuple[Group, FingerprintFields], list[Table]] = {}
    for table in board.tables:
        group = replace(table.group, label_space="", fingerprint="")
        fields = table.fields.model_copy(update={"label_space": ""})
        found.setdefault((group, fields), []).append(table)
    for tables in found.values():
        tables.sort(key=lambda table: _width(table.group.label_space))
    return list(found.values())


def _width(space: str) -> tuple[int, str]:
    return (_NARROW_FIRST.index(space) if space in _NARROW_FIRST else len(_NARROW_FIRST)), space


def _lines(tables: Sequence[Table], columns: Sequence[Column]) -> list[_Line]:
    rows: dict[tuple[str, ...], dict[str, Row]] = {}
    for table in tables:
        for row in table.rows:
            if row.status == "finished":
                key = (row.protocol, *(recipe_of(row.records[0]) if row.records else (row.method,)))
                rows.setdefault(key, {})[table.group.label_space] = row
    sample = next((r for table in tables for row in table.rows for r in row.records), None)
    lines = [] if sample is None else [_Line(next(iter(x.values())).method, x, sample) for x in rows.values()]
    ranking, widest = leading(columns), tables[-1].group.label_space

    def rank(line: _Line) -> tuple[bool, float, str]:
        x = line.rows[widest].values.get(ranking.name) if ranking and widest in line.rows else None
        sign = -1 if ranking and ranking.higher_is_better else 1
        return x is None, sign * x.mean if x else 0.0, line.name

    return sorted(lines, key=rank)


def _figures(
    lines: Sequence[_Line], spaces: Sequence[str], column: Column
) -> Iterable[tuple[str, list[Interval | None]]]:
    """A column for each label space, and one for each drop from the first."""
    for space in spaces:
        yield (
            space,
            [line.rows[space].values.get(column.name) if space in line.rows else None for line in lines],
        )
    for space in spaces[1:]:
        yield f"{space} − {spaces[0]}", [line.drop(column, spaces[0], space) for line in lines]


def _grid(board: Board, tables: Sequence[Table], options: Options, place: int) -> Grid:
    footnotes = Footnotes()
    spaces = [table.group.label_space for table in tables]
    lines = _lines(tables, board.columns)
    decimals = 2 if options.decimals is None else options.decimals
    spread = not options.paper if options.spread is None else options.spread
    names = [Cell(line.name, reference=line.first.kind == "reference") for line in lines]
    if options.paper:
        names = [footnotes.marked(c, x.first.uses.split(", ")) for c, x in zip(names, lines, strict=True)]
    shown: list[dict[int, Cell]] = [dict(enumerate(names))]
    headers, spans = ["Method"], [("", 1)]
    for column in board.columns:
        blocks = list(_figures(lines, spaces, column))
        spans.append((column.title, len(blocks)))
        for number_, (title, figures) in enumerate(blocks):
            headers.append(title)
            drop = number_ >= len(spaces)
            cells = {n: Cell(_text(x, decimals, spread, drop=drop)) for n, x in enumerate(figures)}
            ranked = {
                n: x.mean
                for n, x in enumerate(figures)
                if x is not None and lines[n].first.kind == "ranked" and not drop
            }
            shown.append(with_marks(cells, ranked, decimals, higher_is_better=column.higher_is_better))
    title = replace(tables[0].group, label_space=", ".join(spaces)).titled(board.group_by)
    title = title.replace("label space ", f"label space{'s' * (len(spaces) > 1)} ")
    notes = [
        note for note in dict.fromkeys(note for table in tables for note in table.notes) if not _of_rank(note)
    ]
    said = f"{spaces[-1]} − {spaces[0]}: the same runs on the same images, paired; what more classes cost"
    if len(spaces) == 1:
        said = f"nothing stands beside the label space {spaces[0]}: --label-spaces names others"
    return Grid(
        (f"Table {place}: " if place and not options.paper else "") + title,
        tuple(headers),
        ("left", *("right" for _ in headers[1:])),
        tuple(tuple(column[n] for column in shown) for n in range(len(lines))),
        (*footnotes.notes, *merged(notes, spread=spread), said),
        (),
        tuple(spans),
        label_of(replace(tables[0].group, label_space="-".join(spaces)), "spaces"),
    )


def _text(x: Interval | None, decimals: int, spread: bool, *, drop: bool) -> str:
    text = number(x, decimals, spread=spread)
    if x is None or not drop:
        return text
    plain, plus_minus, half = text.partition(" ± ")
    return signed(x.mean, decimals) + plus_minus + half if plain else text


def _of_rank(note: str) -> bool:
    return note.startswith(("ranks of", "no ranks:"))


def across_spaces_frame(board: Board) -> pd.DataFrame:
    """Return a line for each method, metric and label space, unrounded, with the drop from the narrowest."""
    rows: list[dict[str, object]] = []
    names = ["table", "method", "kind", "stream", "order", "shots", "backbone", "metric", "label_space"]
    for n, tables in enumerate(_bundles(board), start=1):
        group, spaces = tables[0].group, [table.group.label_space for table in tables]
        for line in _lines(tables, board.columns):
            for column in board.columns:
                for space in spaces:
                    x = line.rows[space].values.get(column.name) if space in line.rows else None
                    drop = line.drop(column, spaces[0], space) if space != spaces[0] else None
                    place = (n, line.name, line.first.kind, group.stream, group.order)
                    more = (str(group.shots or "full"), group.backbone, column.name, space)
                    rows.append(
                        dict(zip(names, (*place, *more), strict=True))
                        | {
                            "value": x.mean if x else None,
                            "value_ci95": x.half_width if x else None,
                            "change": drop.mean if drop else None,
                            "change_ci95": drop.half_width if drop else None,
                        }
                    )
    return typed(rows, [*names, "value", "value_ci95", "change", "change_ci95"], ["value", "change"])
