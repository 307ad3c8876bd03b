"""Records in, leaderboard out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from clbench.boards.tables.arranging import chosen, grouping, sorted_rows, unmatched
from clbench.boards.tables.board import Board
from clbench.boards.tables.groups import Group, grouped
from clbench.boards.tables.intervals import alike_note, grouped_note, interval_note
from clbench.boards.tables.ranking import ranked_by, with_ranks
from clbench.boards.tables.rows import DEFAULT_METRICS, columns_of, rows_of
from clbench.boards.tables.table import Table, differences
from clbench.results.records import Record
from clbench.results.spaces import seen_in
from clbench.results.store import load_records
from clbench.specs import MetricSpec

__all__ = ["QUICK", "board_of", "leaderboard"]

QUICK = 500
"""Records whose predictions are read, and whose pairs of methods are tested, without being asked."""


def leaderboard(
    paths: Iterable[Path],
    *,
    metrics: Sequence[str] = DEFAULT_METRICS,
    extra: Sequence[MetricSpec] = (),
    only: Mapping[str, Collection[str]] | None = None,
    group_by: Sequence[str] = (),
    sort: str | None = None,
    ranks: bool | None = None,
    form: Callable[[Record], str] | None = None,
    notes: Sequence[str] = (),
    keep: Callable[[Record], bool] | None = None,
) -> Board:
    """Return the leaderboard of all records under ``paths`` (files or folders).

    ``ranks``, ``form``: see :func:`board_of`. Records that ``keep`` refuses are left out, which a note says.

    ``only`` names what to show, by a key of :data:`clbench.boards.tables.arranging.FILTERS`:
    ``{"order": ["I"]}``. A file that is no good record is named in the board's notes and stops nothing; so is
    a name in ``only`` that no record has. Records are seen in each label space that is named there (``all``:
    each that they have), whichever was the primary one. For the others see :func:`board_of`.

    Raises:
        RecordError: a path does not exist.
        UnknownNameError: no such metric, grouping, or metric to sort by.
    """
    loaded = load_records(list(paths))
    records = [each.record for each in seen_in(loaded.stored, (only or {}).get("label_space", ()))]
    only = {
        kind: wanted for kind, wanted in (only or {}).items() if "all" not in wanted or kind != "label_space"
    }
    notes = [*(f"left out: {problem.error.line}" for problem in loaded.problems), *notes]
    shown = [record for record in records if chosen(record, only)]
    kept = [record for record in shown if keep is None or keep(record)]
    if len(kept) < len(shown):
        apart = sorted({record.method.name for record in shown} - {record.method.name for record in kept})
        of = f": all of {', '.join(apart)}" if apart else ""
        notes.append(f"left out {len(shown) - len(kept)} records that are in another form{of}")
    return board_of(
        kept,
        metrics=metrics,
        extra=extra,
        notes=[*notes, *unmatched(records, only)],
        group_by=group_by,
        sort=sort,
        ranks=ranks,
        form=form,
    )


def board_of(
    records: Iterable[Record],
    *,
    metrics: Sequence[str] = DEFAULT_METRICS,
    extra: Sequence[MetricSpec] = (),
    notes: Sequence[str] = (),
    group_by: Sequence[str] = (),
    sort: str | None = None,
    ranks: bool | None = None,
    form: Callable[[Record], str] | None = None,
) -> Board:
    """Return the leaderboard of ``records``.

    Args:
        records: any mixture; those that may be compared come into one table.
        metrics: names of the metrics to show, of :mod:`clbench.definitions` or of ``extra``.
        extra: further metrics, from plugins.
        notes: lines to put first among the board's notes.
        group_by: what to put the tables in order by, before all else, of ``stream, order, shots, protocol,
            backbone, label_space``. It never brings rows together that may not be compared.
        sort: the metric whose best value comes first, or ``method``.  Default: average.
        ranks: whether rows get ranks and letters, see :mod:`clbench.boards.tables.ranking`.  Default: where
            there are no more than :data:`QUICK` records; of more, predictions are not read either, and
            intervals are over seeds alone.
        form: tells in which form a record has its method's traps, for the column of that name.

    Raises:
        UnknownNameError: no such metric, grouping, or metric to sort by.
    """
    columns, by = columns_of(metrics, extra), grouping(group_by)
    records = list(records)
    many = len(records) > QUICK
    column = ranked_by(columns, sort)
    dear = []
    if many and ranks is None:
        dear = [
            f"{len(records):,} records: intervals are over seeds alone and there are no ranks, which take "
            f"every record's predictions; --ranks computes both"
        ]
    if sort is not None:
        sorted_rows([], columns, sort)
    groups = grouped(records)
    tables = []
    for group in sorted(groups, key=lambda group: _named(group, by)):
        rows, remarks = rows_of(groups[group], columns, images=ranks is True or not many, form=form)
        rows = rows if sort is None else sorted_rows(rows, columns, sort)
        drawn = grouped_note({row.method: row.trials for row in rows})
        said = [note for note in (interval_note(rows), drawn, alike_note(rows)) if note]
        table = Table(group, groups[group][0].fingerprint.fields, tuple(rows), (*said, *remarks))
        wanted = column is not None and (ranks is True or (ranks is None and not many))
        tables.append(with_ranks(table, column) if wanted and column is not None else table)
    remarks = [column.remark for column in columns if column.remark]
    return Board(tuple(tables), columns, (*notes, *dear, *remarks, *differences(tables)), by)


def _named(group: Group, names: Sequence[str]) -> tuple[str | int, ...]:
    return tuple(group.shots or 0 if name == "shots" else getattr(group, name) for name in names)
