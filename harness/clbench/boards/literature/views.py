"""The literature by itself or beside measured tables, for any format."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from clbench.boards.layouts.rendering import View
from clbench.boards.literature.settings import METRICS, UNKNOWN, Literature, PublishedGroup, PublishedTable
from clbench.boards.literature.tables import literature_grids, tables_of
from clbench.boards.tables.board import Board
from clbench.boards.tables.groups import Group

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["beside", "literature_frame", "literature_view"]

_FAMILIES = {
    "zscl": "zscl: torchvision's splits, 80/20 where there are none; zero-shot on Caltech101 88.4",
    "coop": "coop: CoOp's splits with validation data; zero-shot on Caltech101 92.9",
    UNKNOWN: "unknown: which splits these rows used cannot be told, so nothing is ranked",
}


def literature_view(literature: Literature, *, layout: str = "summary") -> View:
    """Return what formats write of ``literature``: its averages, or with ``per-task`` its data sets."""
    return View(
        grids=lambda paper: literature_grids(literature, layout=layout, paper=paper),
        notes=(*literature.notes, *_notes(literature, layout)),
        frame=lambda: literature_frame(literature, layout=layout),
    )


def beside(view: View, board: Board, literature: Literature, *, layout: str = "summary") -> View:
    """Return the measured tables of ``view`` and behind them those of ``literature``, which are never mixed.

    The notes say which published table has the protocol of which measured one, as far as papers tell, and
    what keeps the others apart.
    """
    published = literature_view(literature, layout=layout)
    return View(
        grids=lambda paper: [*view.grids(paper), *published.grids(paper)],
        # A name that nothing published has may well be measured: that is not worth a word here.
        notes=(*view.notes, *_relations(board, tables_of(literature, layout)), *_notes(literature, layout)),
        frame=view.frame,
        flat="measured and published figures never stand in one table",
    )


def _notes(literature: Literature, layout: str) -> list[str]:
    if not literature.tables:
        return ["nothing published is of what was asked for"]
    families = dict.fromkeys(table.group.protocol for table in literature.tables)
    by_order = ["published tables have one order each"] if layout == "across-orders" else []
    return [
        *by_order,
        "published: as papers print it, mostly single runs without a spread",
        "kind: of the method's authors (own), run again by others (rerun), copied from elsewhere (quoted)",
        "protocol families are never in one table; "
        + "; ".join(_FAMILIES.get(family, family) for family in families),
    ]


def _relations(board: Board, tables: Sequence[PublishedTable]) -> list[str]:
    """What keeps each published table from being compared with the measured one that it resembles most."""
    if not board.tables or not tables:
        return []
    measured = {table.group.stream for table in board.tables}
    if not measured & {table.group.stream for table in tables}:
        streams = ", ".join(dict.fromkeys(t.group.stream for t in tables if t.group.stream))
        return [
            "no published table is comparable with a measured one: they are of other streams "
            f"({streams}; measured: {', '.join(sorted(measured))})"
        ]
    names = {
        n: f"published {n}" if len(tables) > 1 else "the published table" for n in range(1, len(tables) + 1)
    }
    return [f"{names[n]} {_relation(board, table.group)}" for n, table in enumerate(tables, start=1)]


def _relation(board: Board, published: PublishedGroup) -> str:
    if published.protocol == UNKNOWN:
        return "is not comparable with any measured table: its protocol family is unknown"
    differing = [(_differing(table.group, published), n) for n, table in enumerate(board.tables, start=1)]
    names, n = min(differing, key=lambda found: (len(found[0]), found[1]))
    if names:
        return f"is not comparable with table {n}: {', '.join(names)}"
    return (
        f"has the protocol of table {n} as far as papers tell; clbench claims sets their figures side by side"
    )


def _differing(measured: Group, published: PublishedGroup) -> list[str]:
    pairs = {
        "stream": (published.stream, measured.stream),
        "protocol": (published.protocol, measured.protocol),
        "order": (published.order, measured.order),
        "shots": (published.shots, str(measured.shots or "full")),
        "backbone": (published.backbone, measured.backbone),
        "label space": (published.label_space, measured.label_space),
    }
    return [f"{name} {theirs}, not {ours}" for name, (theirs, ours) in pairs.items() if theirs != ours]


def literature_frame(literature: Literature, *, layout: str = "summary") -> pd.DataFrame:
    """Return a line for each published row, with ``per-task`` for each of its values; as printed, in percent.

    ``transfer_of_tasks``, …: the mean of the printed values of the tasks, where the printed mean is another.
    """
    import pandas as pd

    lines = []
    for n, table in enumerate(tables_of(literature, layout), start=1):
        for row in table.rows:
            line = {"table": n, **vars(table.group), "method": row.method, "learns": row.learns}
            tail = {"kind": row.kind, "paper_table": row.table, "source": row.source}
            if layout == "per-task":
                for metric in row.tasks:
                    for task, value in (*row.tasks[metric].items(), (None, row.figures[metric])):
                        lines.append(line | {"metric": metric, "task": task, "value": value} | tail)
            else:
                means = {f"{metric}_of_tasks": row.suspect.get(metric) for metric in METRICS}
                figures = {metric: row.figures.get(metric) for metric in METRICS}
                rest = {k: v for k, v in row.facts.items() if k not in line}
                lines.append(line | figures | means | tail | rest)
    return pd.DataFrame(lines)
