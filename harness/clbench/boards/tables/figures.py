"""Figures of a table's rows: metrics of records, with the intervals that their runs and test images allow."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from statistics import fmean
from typing import Any, Literal

import numpy as np

from clbench.errors import RecordError
from clbench.results.metrics import METRICS, FloatArray, MatrixError
from clbench.results.places import folder_of
from clbench.results.records import Record
from clbench.results.statistics.chance import ENOUGH
from clbench.results.statistics.estimates import deterministic, estimate
from clbench.results.statistics.intervals import Interval, mean_interval
from clbench.results.statistics.pairs import metric_weights
from clbench.results.statistics.trials import (
    Trial,
    load_trial,
    predictions_folder,
    trial_of,
    zero_shot_trial,
)

__all__ = ["Column", "Figures"]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Column:
    """A metric as a column.

    Attributes:
        name: as in data frames.
        title: as in tables for people.
        metric: a pure function of the matrix.
        higher_is_better: whether the largest value is the best one.
        needs: what ``metric`` takes besides, by keyword; see :class:`clbench.specs.MetricSpec`.
        remark: what a reader must know of it: that it is no standard metric, its formula and source.
    """

    name: str
    title: str
    metric: Callable[[Any], float]
    higher_is_better: bool = True
    needs: tuple[Literal["test_images"], ...] = ()
    remark: str = ""

    def of(self, record: Record, matrix: Sequence[Sequence[float | None]] | None = None) -> float:
        """Return the figure of ``matrix`` (default: the record's), with what else it needs of the record."""
        given = {"test_images": [task.test for task in record.stream.tasks]} if self.needs else {}
        return float(self.metric(record.matrix if matrix is None else matrix, **given))


class Figures:
    """The figures of one table.

    Args:
        columns: the metrics.
        images: whether predictions beside the records are read, for intervals over test images.

    Attributes:
        problems: of predictions that cannot be used, one line for each row.
    """

    def __init__(self, columns: Sequence[Column], *, images: bool = True) -> None:
        self.columns = columns
        self.images = images
        self.problems: list[str] = []
        self._weights: dict[str, FloatArray | None] = {}

    def weights(self, column: Column, sample: Record) -> FloatArray | None:
        """Return what each accuracy weighs in a metric; ``None`` where it is no mean of accuracies."""
        if column.name not in self._weights:
            self._weights[column.name] = weights_of(column, sample)
        return self._weights[column.name]

    def trials(self, label: str, records: Sequence[Record]) -> tuple[Trial, ...]:
        """Return the trials of a row's records; without predictions where these cannot be used."""
        if self.images:
            try:
                return tuple(trial_of(record) for record in records)
            except RecordError as error:
                self.problems.append(f"{label}: predictions are not used: {error.line}")
        return tuple(load_trial(record) for record in records)

    def zero_shot(self, record: Record) -> Trial | None:
        """Return the initial model of ``record`` as a trial, where it has a zero-shot row."""
        try:
            folder = predictions_folder(record, folder_of(record)) if self.images else None
            return zero_shot_trial(record, folder)
        except RecordError:  # said of the record's own row
            return zero_shot_trial(record)

    def of(self, records: Sequence[Record], trials: Sequence[Trial]) -> dict[str, Interval]:
        """Return the figures of records of one method, by metric; one that lacks accuracies is missing."""
        values = {}
        for column in self.columns:
            known = [x for record in records if (x := _value(record, column)) is not None]
            if len(known) == len(records):
                values[column.name] = self._around(column, known, records[0], trials)
        return values

    def of_matrix(self, sample: Record, trial: Trial) -> dict[str, Interval]:
        """Return the figures of a model that is in no record by itself."""
        values = {}
        for column in self.columns:
            figure = _computed(column, sample, trial.matrix.tolist())
            if figure is not None:
                values[column.name] = self._around(column, [figure], sample, [trial])
        return values

    def _around(
        self, column: Column, known: Sequence[float], sample: Record, trials: Sequence[Trial]
    ) -> Interval:
        weights = self.weights(column, sample)
        found = None if weights is None else estimate([trials], [weights])
        if (
            found is not None
        ):  # the mean as the records have it, to the last bit: a printed digit may hang on it
            return replace(found, mean=fmean(known))
        if weights is None and len(known) >= ENOUGH and not deterministic(trials):
            return mean_interval(known)
        return Interval(fmean(known), None, len(known))


def weights_of(column: Column, sample: Record) -> FloatArray | None:
    """Return what each accuracy weighs in a metric; ``None`` where it is no mean of accuracies."""
    try:
        weights = metric_weights(lambda A: column.of(sample, A), len(sample.stream.tasks))
    except Exception:  # of a plugin's metric, which must not take the table with it
        return None
    return None if weights is None or np.isnan(weights).any() else weights


def _value(record: Record, column: Column) -> float | None:
    # Checked against the matrix when the record was read; thousands of records need not compute it again.
    if column.name in METRICS and record.metrics is not None:
        known: float | None = getattr(record.metrics, column.name)
        return known
    return _computed(column, record, record.matrix)


def _computed(column: Column, record: Record, matrix: Sequence[Sequence[float | None]]) -> float | None:
    try:
        return column.of(record, matrix)
    except MatrixError:
        return None
    except Exception as error:
        # A plugin's metric must not take the other columns with it.
        _warn_once(f"metric {column.name} failed: {type(error).__name__}: {error}")
        return None


@cache
def _warn_once(text: str) -> None:  # not for each record
    _LOG.warning(text)
