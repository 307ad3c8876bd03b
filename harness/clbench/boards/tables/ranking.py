"""Rank groups of a leaderboard's rows: places that noise does not decide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from clbench.boards.tables.board import Board
from clbench.boards.tables.rows import Column, Row, leading
from clbench.boards.tables.table import Table
from clbench.errors import RecordError
from clbench.results.metrics import FloatArray
from clbench.results.records import Record
from clbench.results.statistics.paired import ENOUGH
from clbench.results.statistics.pairs import metric_weights
from clbench.results.statistics.rankgroups import rank_groups
from clbench.results.statistics.trials import Trial, load_trial, predictions_folder
from clbench.results.store import StoredRecord

__all__ = ["QUICK", "with_rank_groups"]

QUICK = 500
"""Records that rank groups are computed for without being asked: each has its predictions read."""

Folders = Mapping[int, Path]
"""By the identity of a record: where it lies."""


def with_rank_groups(
    board: Board, stored: Iterable[StoredRecord], sort: str | None = None, *, wanted: bool | None = None
) -> Board:
    """Return ``board`` with the rank group of each ranked row that has three or more seeds.

    Args:
        board: its rows know their records.
        stored: where those lie; predictions beside a record add the chance of its test images.
        sort: the metric that ranks.  Default: average, or the first one shown.
        wanted: whether to compute them.  Default: where there are no more than :data:`QUICK` records.
    """
    named = {column.name: column for column in board.columns}
    column = named.get(sort or "") or leading(board.columns)
    count = sum(len(row.records) for table in board.tables for row in table.rows)
    if wanted is False or column is None:
        return board
    if wanted is None and count > QUICK:
        note = f"rank groups of {count:,} records take a while and were left out: --groups computes them"
        return replace(board, notes=(*board.notes, note))
    folders = {id(each.record): each.path.parent for each in stored}
    return replace(board, tables=tuple(_grouped(table, column, folders) for table in board.tables))


def _grouped(table: Table, column: Column, folders: Folders) -> Table:
    sign = -1 if column.higher_is_better else 1
    places = [
        place
        for place, row in enumerate(table.rows)
        if row.kind == "ranked" and row.status == "finished" and column.name in row.values
    ]
    places.sort(key=lambda place: sign * table.rows[place].values[column.name].mean)
    if sum(len(table.rows[place].records) >= ENOUGH for place in places) < 2:
        return table
    weights = _weights(column, table.rows[places[0]].records[0])
    if weights is None:  # images have no share in it
        return replace(
            table, notes=(*table.notes, f"no rank groups: {column.title} is no mean of accuracies")
        )
    trials: dict[int, list[Trial]] = {}
    notes = []
    for place in places:
        try:
            trials[place] = [_trial(record, folders) for record in table.rows[place].records]
        except RecordError as error:
            notes.append(f"{table.rows[place].method}: no rank group: {error.line}")
    try:
        found = rank_groups(list(trials.values()), weights)
    except RecordError as error:
        return replace(table, notes=(*table.notes, f"no rank groups: {error.line}"))
    groups = dict(zip(trials, found, strict=True))
    rows = tuple(replace(row, group=groups.get(place)) for place, row in enumerate(table.rows))
    if not any(groups.values()):
        return table
    return replace(table, rows=rows, notes=(*table.notes, _explained(column, trials, table.rows), *notes))


def _weights(column: Column, sample: Record) -> FloatArray | None:
    try:
        weights = metric_weights(lambda A: column.of(sample, A), len(sample.stream.tasks))
    except Exception:  # of a plugin's metric, which must not take the table with it
        return None
    return None if weights is None or np.isnan(weights).any() else weights


def _trial(record: Record, folders: Folders) -> Trial:
    return load_trial(record, predictions_folder(record, folders.get(id(record))))


def _explained(column: Column, trials: Mapping[int, Sequence[Trial]], rows: Sequence[Row]) -> str:
    tested = {place: runs for place, runs in trials.items() if len(runs) >= ENOUGH}
    seeds = sorted({len(runs) for runs in tested.values()})
    bare = [rows[p].method for p, runs in tested.items() if any(t.right is None for t in runs)]
    few = [rows[place].method for place in trials if place not in tested]
    over = f"{seeds[0]} seeds" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} seeds"
    if len(bare) < len(tested):
        over = f"test images and {over}"
    parts = [
        f"rank groups of {column.title}: a new group begins with the first method that is separable from the "
        f"best of the group above, paired over {over} at 95 % (Holm); clbench compare tells any two apart"
    ]
    if bare and len(bare) < len(tested):
        parts.append(f"over seeds alone, for want of predictions: {', '.join(bare)}")
    if few:
        parts.append(
            f"fewer than {ENOUGH} seeds say nothing of training noise and get no group: {', '.join(few)}"
        )
    return "; ".join(parts)
