"""What tests of all pairs say of a table's rows: rank intervals and letters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from clbench.boards.tables.figures import Column, weights_of
from clbench.boards.tables.rows import Row, leading
from clbench.boards.tables.table import Table
from clbench.errors import RecordError
from clbench.results.statistics.chance import ENOUGH
from clbench.results.statistics.ranks import Ranking, ranking

__all__ = ["RankedTable", "ranked", "ranked_by", "with_ranks"]


@dataclass(frozen=True)
class RankedTable:
    """The rows of a table that compete, best first, and the tests of all pairs of them.

    Attributes:
        column: the metric that ranks.
        rows: those that compete, best first; ``ranking`` numbers them in this order.
        ranking: what the tests say.
    """

    column: Column
    rows: tuple[Row, ...]
    ranking: Ranking

    def tested(self) -> RankedTable:
        """Return it without the rows that get no rank."""
        kept = [n for n, ranks in enumerate(self.ranking.ranks) if ranks]
        return RankedTable(self.column, tuple(self.rows[n] for n in kept), self.ranking.of(kept))


def ranked_by(columns: Sequence[Column], sort: str | None) -> Column | None:
    """Return the metric that ranks: the one sorted by, else average, else the first one shown."""
    return {column.name: column for column in columns}.get(sort or "") or leading(columns)


def ranked(table: Table, column: Column) -> RankedTable | None:
    """Return the tests of all pairs of rows that compete; ``None`` where fewer than two have three seeds.

    Raises:
        RecordError: the metric is no mean of accuracies, or runs were asked about other images.
    """
    rows = [
        row
        for row in table.rows
        if row.kind == "ranked" and row.status == "finished" and column.name in row.values
    ]
    sign = -1 if column.higher_is_better else 1
    rows.sort(key=lambda row: sign * row.values[column.name].mean)
    if sum(len(row.records) >= ENOUGH for row in rows) < 2:
        return None
    weights = weights_of(column, rows[0].records[0])
    if weights is None:
        raise RecordError(f"{column.title} is no mean of accuracies, to which images and seeds add")
    found = ranking([row.trials for row in rows], weights, higher_is_better=column.higher_is_better)
    return RankedTable(column, tuple(rows), found)


def with_ranks(table: Table, column: Column) -> Table:
    """Return ``table`` with the ranks and letters of the rows that compete and have three seeds or more."""
    try:
        found = ranked(table, column)
    except RecordError as error:
        return replace(table, notes=(*table.notes, f"no ranks: {error.line}"))
    if found is None:
        return table
    places = {id(row): n for n, row in enumerate(found.rows)}
    rows = tuple(
        replace(row, ranks=found.ranking.ranks[n], letters=found.ranking.letters[n])
        if (n := places.get(id(row))) is not None
        else row
        for row in table.rows
    )
    return replace(table, rows=rows, notes=(_explained(found), *table.notes))


def _explained(found: RankedTable) -> str:
    tested = [row for row in found.rows if len(row.records) >= ENOUGH]
    few = [row.method for row in found.rows if len(row.records) < ENOUGH]
    bare = all(trial.right is None for row in tested for trial in row.trials)
    pairs = f"all {len(found.ranking.pairs)} pairs"
    over = "seeds" if bare else "test images and seeds"
    said = (
        f"ranks of {found.column.title}: best and worst place that paired tests of {pairs} leave, over {over}"
    )
    said += "; rows that share a letter are not separable (of those told apart at most 5 % are equal: "
    said += "Benjamini and Hochberg)"
    if few:
        said += f"; fewer than {ENOUGH} seeds say nothing of training and get no rank: {', '.join(few)}"
    return said
