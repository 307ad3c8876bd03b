"""The literature as the site shows it: its tables, whole matrices, costs, and where protocols disagree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from clbench.boards.literature.grouping import read_literature
from clbench.boards.literature.published import published_lines, published_matrices
from clbench.boards.literature.settings import UNKNOWN, PublishedTable, Recomputed
from clbench.boards.site.heatmaps import HeatTable, heat_table
from clbench.boards.site.naming import Names

__all__ = ["Published", "PublishedMatrix", "PublishedPage", "family_text", "published_of", "shots_text"]


@dataclass(frozen=True)
class PublishedPage:
    """A published table and the name of its section."""

    table: PublishedTable
    name: str


@dataclass(frozen=True)
class PublishedMatrix:
    """A whole matrix that authors published, with its figures as printed and as computed from it."""

    facts: Recomputed
    heat: HeatTable


@dataclass(frozen=True)
class Published:
    """What a folder of published figures holds.

    Attributes:
        tables: Transfer, Average and Last.
        per_task: the same for each data set; ``tasks`` are their names.
        matrices: whole ones.
        costs, differences: rows of their files, as printed; empty where there is no such file.
        files: all files by their path in the folder.
    """

    tables: tuple[PublishedPage, ...] = ()
    per_task: tuple[PublishedPage, ...] = ()
    tasks: tuple[str, ...] = ()
    matrices: tuple[PublishedMatrix, ...] = ()
    costs: tuple[Mapping[str, str], ...] = ()
    differences: tuple[Mapping[str, str], ...] = ()
    files: Mapping[str, Path] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many published rows there are."""
        return sum(len(page.table.rows) for page in self.tables)


def shots_text(shots: str) -> str:
    """``full`` in words."""
    return "all training data" if shots == "full" else f"{shots} shots"


def family_text(protocol: str) -> str:
    """A protocol family in words."""
    return "protocol family unknown" if protocol == UNKNOWN else f"protocol family {protocol}"


def published_of(folder: Path) -> Published:
    """Read ``folder``, which has ``averages.csv``, ``per_dataset.csv`` and ``matrices/index.csv``.

    Raises:
        RecordError: a file is missing, is no CSV, or lacks a column.
    """
    read = read_literature(folder)
    names = Names()
    return Published(
        tables=tuple(PublishedPage(table, names.give(table.group.title)) for table in read.tables),
        per_task=tuple(PublishedPage(t, names.give(f"tasks {t.group.title}")) for t in read.per_task),
        tasks=read.tasks,
        matrices=tuple(_matrices(folder, read.recomputed)),
        costs=tuple(_lines(folder / "costs.csv")),
        differences=tuple(_lines(folder / "protocol_differences.csv")),
        files={path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*.csv"))},
    )


def _lines(path: Path) -> list[dict[str, str]]:
    return published_lines(path) if path.exists() else []


def _matrices(folder: Path, recomputed: tuple[Recomputed, ...]) -> list[PublishedMatrix]:
    frames = published_matrices(folder)
    names = Names()
    found = []
    for facts in recomputed:
        frame = frames[facts.method]
        tasks = [str(name) for name in frame.columns]
        rows = [[None if x != x else float(x) for x in row] for row in frame.to_numpy().tolist()]
        same = all(row == rows[0] for row in rows)  # nothing is learned: one row says it all
        matrix, zero = ([], rows[0]) if same else (rows, [])
        found.append(
            PublishedMatrix(facts, heat_table(names.give(facts.method), facts.method, tasks, matrix, zero))
        )
    return found
