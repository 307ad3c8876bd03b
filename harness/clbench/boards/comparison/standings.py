"""Several methods compared as tables and as a data frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from clbench.boards.comparison.many import Standing
from clbench.boards.comparison.tables import flat_difference
from clbench.boards.formats.cells import NONE, Cell, Grid, number
from clbench.boards.formats.latex import grids_as_latex
from clbench.boards.formats.wording import listed, signed
from clbench.boards.formats.writing import frame_as_csv, frame_as_json, grids_as_markdown, grids_as_text
from clbench.boards.tables.columns import ranks_text
from clbench.boards.tables.intervals import in_words

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["render_standings", "standing_grid", "standings_frame"]

_LONG = 14
"""Letters of a name that can stand at the head of a narrow column."""


def render_standings(standings: Sequence[Standing], format: str, notes: Sequence[str] = ()) -> str:
    """Return ``standings`` in a format of :data:`clbench.boards.comparison.tables.FORMATS`."""
    return _FORMATS[format](standings, notes).rstrip("\n")


def standing_grid(standing: Standing) -> Grid:
    """Return the matrix of all pairs: row minus column, in brackets where it may be chance."""
    names = standing.labels
    heads = names if max(map(len, names)) <= _LONG else tuple(f"({n})" for n in range(1, len(names) + 1))
    firsts = names if heads is names else tuple(f"({n}) {name}" for n, name in enumerate(names, start=1))
    rows = []
    for i, name in enumerate(firsts):
        cells = [name, number(standing.values[i])]
        cells += [ranks_text(standing.ranking.ranks[i]), standing.ranking.letters[i] or NONE]
        rows.append(
            tuple(Cell(text) for text in (*cells, *(_cell(standing, i, j) for j in range(len(names)))))
        )
    title = standing.metric.capitalize()
    return Grid(
        f"{title}, {_place(standing)}",
        ("Method", title, "Rank", "Letters", *heads),
        ("left", "right", "right", "left", *("right" for _ in heads)),
        tuple(rows),
        _said(standing),
        label="-".join(["compare", standing.metric, *standing.orders]),
    )


def _cell(standing: Standing, i: int, j: int) -> str:
    if i == j:
        return ""
    pair = standing.ranking.pairs.get((min(i, j), max(i, j)))
    if pair is None:
        return NONE
    text = signed(pair.difference if i < j else -pair.difference)
    return text if standing.ranking.separable(i, j) else f"({text})"


def _place(standing: Standing) -> str:
    group = standing.group
    if len(standing.orders) == 1:
        return str(group.title)
    return group.titled().replace(f"order {group.order}", f"orders {listed(standing.orders)}")


def _said(standing: Standing) -> tuple[str, ...]:
    pairs = list(standing.ranking.pairs.values())
    covers = {pair.covers for pair in pairs if pair.covers}
    over = in_words(max(covers, key=len)) if covers else "nothing, for want of predictions and seeds"
    if standing.grouped:
        over = over.replace("test images", "groups of test images")
    lines = [
        "a method's column: row minus column in points, in brackets where the two are not separable; rows "
        "that share a letter are not",
        f"paired tests of all {len(pairs)} pairs over {over}; of those told apart at most 5 % are equal "
        "(Benjamini and Hochberg)",
    ]
    if standing.trained:
        lines.append(
            "fewer than three seeds say nothing of training: tests are of these trained models, and of the "
            "methods nothing is claimed"
        )
    untested = [
        name for name, ranks in zip(standing.labels, standing.ranking.ranks, strict=True) if ranks is None
    ]
    if untested:
        lines.append(f"not tested, for want of seeds: {', '.join(untested)}")
    return tuple(lines)


def standings_frame(standings: Sequence[Standing]) -> pd.DataFrame:
    """Return one row for each metric and pair, points, unrounded.

    Columns: those of :func:`clbench.boards.comparison.tables.comparison_frame` without ``task``, and
    ``p_adjusted`` for the number of pairs; ``separable`` is what it says.
    """
    import pandas as pd

    rows = []
    for each in standings:
        place = {"stream": each.group.stream, "order": "+".join(each.orders)}
        place |= {name: getattr(each.group, name) for name in ("backbone", "label_space", "fingerprint")}
        for (i, j), found in each.ranking.pairs.items():
            flat = flat_difference(found) | {"separable": each.ranking.separable(i, j)}
            rows.append(
                {
                    "a": each.labels[i],
                    "b": each.labels[j],
                    **place,
                    "metric": each.metric,
                    **flat,
                    "p_adjusted": each.ranking.p[i, j],
                }
            )
    return pd.DataFrame(rows)


def _grids(standings: Sequence[Standing]) -> list[Grid]:
    return [standing_grid(standing) for standing in standings]


_FORMATS: Mapping[str, Callable[[Sequence[Standing], Sequence[str]], str]] = MappingProxyType(
    {
        "text": lambda standings, notes: grids_as_text(_grids(standings), notes),
        "md": lambda standings, notes: grids_as_markdown(_grids(standings), notes),
        "latex": lambda standings, notes: grids_as_latex(_grids(standings), notes),
        "csv": lambda standings, _: frame_as_csv(standings_frame(standings)),
        "json": lambda standings, _: frame_as_json(standings_frame(standings)),
    }
)
